import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postureSuite } from '../../testing/posture-suite.ts'
import { DispatchDatabase } from '../database.ts'
import { SqlitePosture } from './sqlite.ts'

postureSuite('SqlitePosture', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belay-posture-'))
  const db = new DispatchDatabase(join(dir, 'dispatch.db'))
  return {
    posture: new SqlitePosture(db, Date.now()),
    another: async () => new SqlitePosture(db, Date.now()),
    async dispose() {
      db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
})
