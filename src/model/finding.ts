import type { Severity } from './order.ts'
import type { Reason } from './signal.ts'

/** The finding: an alert that people and SIEMs see, one per session and cause. */
export interface Finding {
  /** hash of session, cause and window */
  readonly id: string
  readonly tenant: string
  readonly agent: string
  readonly role: string
  readonly session: string
  /** the detector or rule that carried it */
  readonly cause: string
  readonly title: string
  readonly severity: Severity
  /** session risk, 0..1 */
  readonly risk: number
  readonly reasons: readonly Reason[]
  /** ids of everything that fired on the event */
  readonly signals: readonly string[]
  /** ATLAS, OWASP Agentic and OWASP MCP ids */
  readonly tags: readonly string[]
  readonly baseline: string
  /** generation of the written rules that ran */
  readonly ruleSet?: string
  readonly eventSource: string
  readonly eventId: string
  readonly callId: string
  readonly server: string
  readonly tool?: string
  readonly atMs: number
}
