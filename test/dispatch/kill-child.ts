import { join } from 'node:path'
import { systemClock } from '../../src/dispatch/clock.ts'
import { DispatchDatabase } from '../../src/dispatch/database.ts'
import { leaseOf } from '../../src/dispatch/lease.ts'
import { SqlitePosture } from '../../src/dispatch/posture/sqlite.ts'
import { Outbox } from '../../src/dispatch/queue/outbox.ts'
import { order } from '../../src/testing/orders.ts'

/**
 * The process that the kill test kills: places groups of orders for ever and prints the id of each one once it is
 * durable, handles them, and releases every third.
 */
const [dir = '', round = ''] = process.argv.slice(2)
const db = new DispatchDatabase(join(dir, 'dispatch.db'))
const posture = new SqlitePosture(db, Date.now())
const queue = new Outbox(db, systemClock, { concurrencyPerGateway: 32, onError: () => undefined })

void queue.work(async (job) => {
  await posture.advance(job.order.id, 'acknowledged', { atMs: Date.now() })
  return { kind: 'done' }
}, new AbortController().signal)

for (let group = 0; ; group++) {
  const orders = Array.from({ length: 20 }, (_, at) => order({ id: `${round}-${group}-${at}`, issuedMs: Date.now() }))
  const jobs = orders.map((one) => ({ order: one, change: 'apply' as const, revision: 1, gateway: 'gw' }))
  await Promise.all([queue.put(jobs), ...orders.map((one) => posture.open(leaseOf(one, Date.now())))])
  const freed = orders.filter((_, at) => at % 3 === 0)
  await Promise.all(freed.map((one) => posture.advance(one.id, 'released', { atMs: Date.now() })))
  process.stdout.write(`${orders.map(({ id }) => id).join(' ')}\n`)
}
