import { join } from 'node:path'
import { SqliteApprovals } from '../../src/dispatch/approvals/sqlite.ts'
import { systemClock } from '../../src/dispatch/clock.ts'
import { DispatchDatabase } from '../../src/dispatch/database.ts'
import type { Gateway } from '../../src/dispatch/gateway.ts'
import { History } from '../../src/dispatch/history.ts'
import type { DispatchObserver } from '../../src/dispatch/observer.ts'
import { openOffice } from '../../src/dispatch/office.ts'
import { SqlitePosture } from '../../src/dispatch/posture/sqlite.ts'
import { Outbox } from '../../src/dispatch/queue/outbox.ts'
import { Routes } from '../../src/dispatch/routes.ts'
import { LEVELS } from '../../src/model/index.ts'
import { order } from '../../src/testing/orders.ts'
import { APPROVAL_POLICY } from './room.ts'

/**
 * The process that the transition test kills: takes one containment after the other through its whole life and says
 * before and after each step what it does, so that the parent can kill it in the middle of any step.
 */
const [dir = '', round = ''] = process.argv.slice(2)
const db = new DispatchDatabase(join(dir, 'dispatch.db'))
const posture = new SqlitePosture(db, Date.now())
const queue = new Outbox(db, systemClock, { concurrencyPerGateway: 4, onError: () => undefined })
const observe: DispatchObserver = {
  changed: () => undefined,
  opened: () => undefined,
  attempted: () => undefined,
  acknowledged: () => undefined,
  ended: () => undefined,
  notContained: () => undefined,
  overBudget: () => undefined,
  approval: () => undefined,
  historyDropped: () => undefined,
  failed: () => undefined,
}
/** Says what it was told, so that the parent knows what the PEP knows. */
const gateway: Gateway = {
  name: 'gw',
  keepsUntilReleased: false,
  cannot: () => undefined,
  deliver: async (change, lease) => {
    say('told', lease.order.id, `${change}:${lease.revision}`)
    return { kind: 'acknowledged', status: 'applied' }
  },
}
const { desk, dispatcher, approvals } = openOffice({
  posture,
  queue,
  observe,
  routes: new Routes([{ gateway }]),
  history: new History(async () => undefined, systemClock, observe),
  clock: systemClock,
  random: Math.random,
  allowed: new Set(LEVELS),
  guard: { admit: (one) => one },
  roleOf: () => undefined,
  book: new SqliteApprovals(db),
  approvalPolicy: APPROVAL_POLICY,
})
await desk.reconcile()
await approvals.sweep()
void dispatcher.run(new AbortController().signal)

for (let at = 0; ; at++) {
  const needsPerson = at % 3 === 0
  const one = order({
    id: `c-${round}-${at}`,
    target: { kind: 'session', id: `${round}-${at}`, agent: 'bot' },
    level: 'require_step_up',
    issuedMs: Date.now(),
    ...(needsPerson ? { approval: 'protected' } : {}),
  })
  await step('place', one.id, () => desk.place([one]))
  if (needsPerson) {
    await approvals.sweep()
    await step('approve', one.id, () =>
      approvals.answer('default', `a-${one.id}`, { by: 'ada', verdict: 'approve', reason: 'ok' }),
    )
  }
  if (at % 4 === 1) await step('renew', one.id, () => desk.renew(one.id, 7_200_000, 'ada'))
  const seen = (state: 'in_effect' | 'ineffective') =>
    desk.observed([
      { orderId: one.id, state, atMs: Date.now(), event: { source: 's', id: 'e', callId: 'c' }, why: 'seen' },
    ])
  await step('in_effect', one.id, () => seen('in_effect'))
  if (at % 5 === 2) await step('ineffective', one.id, () => seen('ineffective'))
  if (at % 2 === 0) await step('release', one.id, () => desk.release(one.id, 'ada', 'was fine'))
}

async function step(name: string, id: string, run: () => Promise<unknown>): Promise<void> {
  say('begin', id, name)
  await run()
  say('done', id, name)
}

function say(what: string, id: string, detail: string): void {
  process.stdout.write(`${what} ${id} ${detail}\n`)
}
