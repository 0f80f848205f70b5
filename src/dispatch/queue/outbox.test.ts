import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../../testing/manual-clock.ts'
import { queueSuite } from '../../testing/queue-suite.ts'
import { DispatchDatabase } from '../database.ts'
import { Outbox } from './outbox.ts'

queueSuite('Outbox', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belay-outbox-'))
  const clock = new ManualClock()
  const open = () => {
    const db = new DispatchDatabase(join(dir, 'dispatch.db'))
    return { db, queue: new Outbox(db, clock, { concurrencyPerGateway: 32, onError: () => undefined }) }
  }
  let now = open()
  return {
    queue: now.queue,
    async elapse(ms) {
      await clock.armed()
      clock.advance(ms)
    },
    async reopen() {
      await now.queue.close()
      now.db.close()
      now = open()
      return now.queue
    },
    async dispose() {
      await now.queue.close()
      now.db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
})
