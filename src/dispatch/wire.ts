import type { Lease, Target } from '../model/index.ts'
import type { Approval } from './approval.ts'
import type { Decision } from './posture.ts'

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

/** A decision as PEPs read it; `ttl` in seconds. */
export function wireDecision({ action, containmentId, expiresMs }: Decision): Readonly<Record<string, unknown>> {
  if (containmentId === undefined || expiresMs === undefined) return { action, ttl: DECISION_TTL_S }
  return { action, containment_id: containmentId, expires_at: iso(expiresMs), ttl: DECISION_TTL_S }
}

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

/** A question to people, as cards show it and webhooks tell it. The nonce is the asking PEP's alone and not in it. */
export interface WireApproval {
  readonly approval_id: string
  readonly kind: 'call' | 'containment'
  readonly state: string
  readonly situation: string
  readonly containment_id: string
  readonly title: string
  readonly action: string
  readonly target: Target
  readonly severity: string
  readonly score: number
  readonly reasons: readonly { readonly what: string; readonly typical: string; readonly actual: string }[]
  readonly call?: {
    readonly agent: string
    readonly session: string
    readonly server: string
    readonly tool: string
    readonly args_sha256: string
    readonly args?: string
    readonly asked_by: string
  }
  readonly needed: number
  readonly votes: readonly {
    readonly by: string
    readonly verdict: string
    readonly reason: string
    readonly at: string
  }[]
  readonly created_at: string
  readonly expires_at: string
}

export function wireApproval({ card, call, ...approval }: Approval): WireApproval {
  return {
    approval_id: approval.id,
    kind: approval.kind,
    state: approval.state,
    situation: approval.situation,
    containment_id: approval.containmentId,
    title: cut(card.title, REASON_CHARS),
    action: card.level,
    target: card.target,
    severity: card.severity,
    score: card.score,
    reasons: card.reasons.map(({ what, observed, expected }) => ({ what, typical: expected, actual: observed })),
    ...(call === undefined
      ? {}
      : {
          call: {
            agent: call.agent,
            session: call.session,
            server: call.server,
            tool: call.tool,
            args_sha256: call.argsSha256,
            ...(card.args === undefined ? {} : { args: card.args }),
            asked_by: call.caller,
          },
        }),
    needed: approval.needed,
    votes: approval.votes.map(({ by, verdict, reason, atMs }) => ({ by, verdict, reason, at: iso(atMs) })),
    created_at: iso(approval.createdMs),
    expires_at: iso(approval.expiresMs),
  }
}
