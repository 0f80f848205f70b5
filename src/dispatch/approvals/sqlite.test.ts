import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { approvalSuite } from '../../testing/approval-suite.ts'
import { DispatchDatabase } from '../database.ts'
import { SqliteApprovals } from './sqlite.ts'

approvalSuite('SqliteApprovals', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belay-approvals-'))
  const db = new DispatchDatabase(join(dir, 'dispatch.db'))
  return {
    book: new SqliteApprovals(db),
    another: async () => new SqliteApprovals(db),
    async dispose() {
      db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
})
