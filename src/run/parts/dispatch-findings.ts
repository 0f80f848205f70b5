import { createHash } from 'node:crypto'
import type { OverBudget } from '../../dispatch/blast-radius.ts'
import type { NotContained } from '../../dispatch/observer.ts'
import type { Finding } from '../../model/index.ts'

/** Findings about containment itself, which no event raised. */

/** One per tenant, kind and hour, whichever process tells it. */
export function overBudgetFinding({ tenant, kind, contained, allowed, live, atMs }: OverBudget): Finding {
  const hour = new Date(atMs).toISOString().slice(0, 13)
  return {
    ...findingAbout(atMs),
    id: idOf('blast-radius', tenant, kind, hour),
    tenant,
    cause: 'blast-radius',
    title: `Automatic containment of ${kind} is over its budget and awaits approval`,
    severity: 'high',
    reasons: [
      {
        what: `${kind} contained within an hour`,
        observed: `${contained} of ${live} live`,
        expected: `at most ${allowed}`,
      },
    ],
    runbook: [
      'See what awaits an answer: belay approvals',
      'Find what the findings of the hour have in common: one rule, one tool, one release of an agent',
      'Approve what is right; release the rest and set the rule to monitor',
    ],
    latest: { source: 'belay', id: `${kind} ${hour}`, callId: '', atMs },
  }
}

/** The same failure of the same containment is the same finding, however often it is told. */
export function notContainedFinding({ lease, gateway, kind, why }: NotContained, nowMs: number): Finding {
  const { order } = lease
  const { target, evidence } = order
  return {
    ...findingAbout(nowMs),
    id: idOf(order.id, gateway ?? '', kind),
    tenant: order.tenant,
    agent: target.agent ?? (target.kind === 'agent' ? target.id : ''),
    session: target.kind === 'session' ? target.id : '',
    cause: 'not-contained',
    title: `${kind === 'still_held' ? 'An ended containment still holds' : 'Containment is not in effect'}${gateway === undefined ? '' : ` at ${gateway}`}`,
    severity: kind === 'still_held' ? 'high' : 'critical',
    risk: order.score,
    reasons: [
      {
        what: `${order.level} of ${target.kind}`,
        observed: why,
        expected: EXPECTED[kind] ?? 'acknowledged',
      },
    ],
    runbook:
      kind === 'still_held'
        ? FREE_IT
        : [
            'Stop the agent or revoke its credential at the gateway by hand',
            'Look at what went through since: belay sessions SESSION',
            'Check the gateway: belay doctor',
          ],
    eventSource: evidence.source,
    eventId: evidence.id,
    callId: evidence.callId,
    containment: { id: order.id, level: order.level, state: lease.state },
    latest: { source: evidence.source, id: evidence.id, callId: evidence.callId, atMs: nowMs },
  }
}

const EXPECTED: Readonly<Partial<Record<NotContained['kind'], string>>> = {
  ineffective: 'calls are refused',
  still_held: 'nothing holds it any more',
}

const FREE_IT = [
  'Free the target at the gateway by hand: switch the tool or server on, end the block',
  'Check the gateway: belay doctor',
]

/** What findings without an event of their own have in common. */
function findingAbout(atMs: number) {
  return {
    activity: 'created',
    agent: '',
    role: '',
    session: '',
    risk: 0,
    score: 0,
    signals: [],
    tags: [],
    baseline: '',
    eventSource: '',
    eventId: '',
    callId: '',
    server: '',
    atMs,
    openedMs: atMs,
    count: 1,
  } as const satisfies Partial<Finding>
}

function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u001f')).digest('hex').slice(0, 32)
}
