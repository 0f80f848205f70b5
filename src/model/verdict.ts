import type { ToolEvent } from './event.ts'
import type { Finding } from './finding.ts'
import type { Action, Order } from './order.ts'
import type { AgentHour } from './session.ts'
import type { JudgedSignal } from './signal.ts'

/** Could not be judged: a detector that needed something this event does not carry. Never the same as "nothing found". */
export interface Unjudged {
  readonly detector: string
  readonly missing: string
}

/** The verdict: signals fused. */
export interface Verdict {
  /** evidence of this event alone, nats, >= 0 */
  readonly score: number
  /** the session's accumulated risk after this event, 0..1, comparable across roles: 0.5 is the role's containment threshold */
  readonly risk: number
  /** version of the baseline it was judged by; `none` where the role has none */
  readonly baseline: string
  readonly signals: readonly JudgedSignal[]
  readonly unjudged: readonly Unjudged[]
  /** what is, or in monitor mode would be, in force for this session after this event */
  readonly action: Action
  /** what is new to people: at most one per cause, the cause's first in this session */
  readonly findings: readonly Finding[]
  /** the event was seen before (same source and id): nothing was counted */
  readonly duplicate: boolean
}

/** What the fold derived from the event for the profiles: stored beside it, so that learning is plain SQL over columns. */
export interface Facts {
  /** the sequence token: op and tool, e.g. `tools/call:read_file` */
  readonly token: string
  /** first event of its call; profiles count calls, not events */
  readonly firstOfCall: boolean
  /** `argument=shape` of every argument and `!trait:argument`, as the parameter profile names them */
  readonly parameters: readonly string[]
}

/** What the middle of the path makes of one event. */
export interface Judged {
  readonly event: ToolEvent
  readonly facts: Facts
  /** its agent's hour after this event: stored beside it, so that a process that takes over goes on counting */
  readonly agentHour: AgentHour
  readonly verdict: Verdict
  readonly orders: readonly Order[]
}
