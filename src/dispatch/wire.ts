import type { Lease, Target } from '../model/index.ts'

/** A containment as the contract writes it: in callbacks, in `/v1/containments` and in the stream. */
export interface WireContainment {
  readonly containment_id: string
  readonly revision: number
  readonly action: string
  readonly target: Target
  readonly reason: string
  readonly severity: string
  readonly score: number
  readonly alert_id: string
  readonly rules: readonly string[]
  readonly issued_at: string
  readonly expires_at: string
  readonly mode: 'enforce' | 'monitor'
}

/** Seconds a PEP may keep a decision (contract b.4). */
export const DECISION_TTL_S = 2

const REASON_CHARS = 2_000
const RULES = 32
const RULE_CHARS = 128

/** Bounded: a reason or a rule list of any length leaves the body far below the contract's 20 kB. */
export function wireContainment(lease: Lease): WireContainment {
  const { order } = lease
  return {
    containment_id: order.id,
    revision: lease.revision,
    action: order.level,
    target: order.target,
    reason: cut(order.reason, REASON_CHARS),
    severity: order.severity,
    score: order.score,
    alert_id: order.findingId,
    rules: order.rules.slice(0, RULES).map((rule) => cut(rule, RULE_CHARS)),
    issued_at: iso(order.issuedMs),
    expires_at: iso(order.expiresMs),
    mode: order.mode,
  }
}

export function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}
