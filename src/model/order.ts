import type { Reason } from './signal.ts'

/** The order: a containment decision to be carried out; and the lease, which is an order with an end. */

/** Least to most severe, names as on the wire. */
export const LEVELS = [
  'monitor',
  'require_step_up',
  'restrict_read_only',
  'quarantine_tool',
  'suspend_session',
] as const
export type Level = (typeof LEVELS)[number]
/** What a PEP is told to do with a call: a level, or nothing at all. */
export type Action = 'allow' | Level

export function severityOfLevel(action: Action): number {
  return action === 'allow' ? -1 : LEVELS.indexOf(action)
}

export function mostSevere(a: Action, b: Action): Action {
  return severityOfLevel(a) >= severityOfLevel(b) ? a : b
}

/** `role` and `tenant` are kill switches: everything that agents of the role, or of the tenant, do. */
export type TargetKind = 'session' | 'agent' | 'user' | 'tool' | 'server' | 'role' | 'tenant'

export interface Target {
  readonly kind: TargetKind
  /** session: session id; tool: `server/name`; others: their id or name */
  readonly id: string
  /** for a session: whose it is (a session's key is tenant, agent, session id) */
  readonly agent?: string
}

export type Severity = 'low' | 'medium' | 'high' | 'critical'

export interface Order {
  /** hash of tenant, target, cause, level and the event time it was planned at: the same input plans the same order */
  readonly id: string
  readonly tenant: string
  readonly level: Level
  readonly target: Target
  /** what it answers: a detector's or rule's id, or `operator` */
  readonly cause: string
  readonly reason: string
  readonly severity: Severity
  /** session risk at that moment, 0..1 */
  readonly score: number
  readonly findingId: string
  readonly rules: readonly string[]
  readonly issuedMs: number
  readonly expiresMs: number
  /** `monitor` orders are planned, recorded and counted, never delivered */
  readonly mode: 'enforce' | 'monitor'
  /** why a person must approve it before anyone is told; absent: nobody need */
  readonly approval?: string
  /** the order that turned out not to hold its target, and that this one goes further than */
  readonly follows?: string
  /** what was seen against what is usual, at most three, for the person who decides about it */
  readonly reasons?: readonly Reason[]
  /** the event that caused it */
  readonly evidence: {
    readonly source: string
    readonly id: string
    readonly callId: string
    readonly receivedMs: number
  }
}

export type LeaseState =
  | 'planned'
  | 'awaiting_approval'
  | 'requested'
  | 'renewed'
  | 'delivered'
  | 'acknowledged'
  | 'in_effect'
  | 'released'
  | 'expired'
  | 'refused'
  | 'unsupported'
  | 'ineffective'

/** A containment as it stands. `revision` rises with every change of what the PEP should do. */
export interface Lease {
  readonly order: Order
  readonly revision: number
  readonly state: LeaseState
  readonly updatedMs: number
  /** when PEPs could first know of it; absent while it is only planned or awaits approval */
  readonly requestedMs?: number
  readonly appliedMs?: number
  readonly releasedBy?: string
  readonly detail?: string
}

/** One line of a containment's history, stored for analysts. */
export interface LeaseChange {
  readonly lease: Lease
  readonly atMs: number
  /** which gateway said so; absent for changes that no gateway caused */
  readonly gateway?: string
  readonly attempt?: number
}

/**
 * What the stream shows of a containment: a call of its target refused, one that went through all the same, or one that
 * was refused by its name after it had ended.
 */
export interface Observation {
  readonly orderId: string
  readonly state: 'in_effect' | 'ineffective' | 'still_held'
  /** Unix milliseconds, the event's time */
  readonly atMs: number
  readonly event: { readonly source: string; readonly id: string; readonly callId: string }
  /** a sentence for people */
  readonly why: string
}
