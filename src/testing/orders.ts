import { leaseOf } from '../dispatch/lease.ts'
import type { Lease, Order } from '../model/index.ts'
import { T0_MS } from './events.ts'

let made = 0

/** A valid enforced order on a session, lease of an hour from `issuedMs` (T0_MS); whatever is passed replaces. */
export function order(over: Partial<Order> = {}): Order {
  const number = ++made
  const issuedMs = over.issuedMs ?? T0_MS
  return {
    id: `c-${number.toString(16).padStart(24, '0')}`,
    tenant: 'default',
    level: 'suspend_session',
    target: { kind: 'session', id: `session-${number}`, agent: 'agent-1' },
    cause: 'untrusted-destination',
    reason: 'send_money to a destination that only a web page named',
    severity: 'high',
    score: 0.91,
    findingId: `f-${number}`,
    rules: ['untrusted-destination'],
    issuedMs,
    expiresMs: issuedMs + 3_600_000,
    mode: 'enforce',
    evidence: { source: 'urn:pep:test', id: `event-${number}`, callId: `call-${number}`, receivedMs: issuedMs },
    ...over,
  }
}

/** The lease of an order as it is opened. */
export function lease(over: Partial<Order> = {}): Lease {
  const made = order(over)
  return leaseOf(made, made.issuedMs)
}
