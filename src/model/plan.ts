import type { Finding } from './finding.ts'
import type { Level, Order } from './order.ts'
import type { Effect } from './vocabulary.ts'

/** What detection found and asks for, of one event. */
export interface PlanInput {
  readonly tenant: string
  readonly agent: string
  readonly role: string
  /** what the tool of the call does */
  readonly effect: Effect
  readonly session: string
  readonly finding: Finding
  /** session risk, 0..1 */
  readonly risk: number
  /** the rung that detection asks for */
  readonly level: Level
  /** absent: as configured for the level */
  readonly leaseMs?: number | undefined
  /** planned and recorded, never delivered, whatever the mode */
  readonly monitored?: boolean | undefined
  /** the event's own time, Unix milliseconds: the only clock a plan knows */
  readonly eventMs: number
  readonly evidence: Order['evidence']
  /** the most severe order that this session was given before, if any */
  readonly standing?: { readonly level: Level; readonly expiresMs: number } | undefined
}
