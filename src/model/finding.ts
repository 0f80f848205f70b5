import type { BaselineState } from './baseline.ts'
import type { LeaseState, Level, Severity } from './order.ts'
import type { Reason } from './signal.ts'

/**
 * `created`: new to people. `updated`: the same situation with more evidence, a worse severity or another containment.
 * `closed`: an analyst said what it was.
 */
export type FindingActivity = 'created' | 'updated' | 'closed'

/** An event by the names that it is stored under. */
export interface EventLink {
  readonly source: string
  readonly id: string
  readonly callId: string
  /** event time, Unix milliseconds */
  readonly atMs: number
}

/** What the history behind a judgement was worth at that moment. */
export interface BaselinePassport {
  readonly version: string
  readonly state: BaselineState
  /** distinct sessions, agents and days it was learnt from */
  readonly sessions: number
  readonly agents: number
  readonly days: number
  /** first and last event it was learnt from, Unix milliseconds */
  readonly fromMs: number
  readonly toMs: number
  /** the role it borrows from while it is learning itself */
  readonly parent?: string
}

/** The containment that answers a finding, the newest where there were several. */
export interface FindingContainment {
  readonly id: string
  readonly level: Level
  readonly state: LeaseState
}

export const DISPOSITIONS = ['true_positive', 'benign', 'false_positive', 'duplicate'] as const
/** What an analyst found it to be. `benign`: it is as the finding says, and allowed. */
export type DispositionKind = (typeof DISPOSITIONS)[number]

export interface Disposition {
  readonly kind: DispositionKind
  readonly by: string
  readonly reason: string
  readonly atMs: number
  /** the finding it repeats; of a duplicate only */
  readonly duplicateOf?: string
}

/**
 * The finding: an alert that people and SIEMs see, one per situation (session and cause). It describes the worst event
 * of the situation so far; what came besides is counted, and the event at hand is `latest`.
 */
export interface Finding {
  /** hash of session, cause and the UTC day of its first event: the same in every revision */
  readonly id: string
  readonly activity: FindingActivity
  readonly tenant: string
  readonly agent: string
  readonly role: string
  readonly session: string
  /** the detector or rule that carried it */
  readonly cause: string
  readonly title: string
  /** of the worst event; never falls */
  readonly severity: Severity
  /** session risk, 0..1 */
  readonly risk: number
  /** evidence of the worst event alone, nats */
  readonly score: number
  readonly reasons: readonly Reason[]
  /** ids of everything that fired on the event */
  readonly signals: readonly string[]
  /** ATLAS, OWASP Agentic and OWASP MCP ids */
  readonly tags: readonly string[]
  /** what to do, step by step */
  readonly runbook: readonly string[]
  /** version of the baseline, `none` where the role has none */
  readonly baseline: string
  /** absent where no baseline was asked */
  readonly passport?: BaselinePassport
  /** generation of the written rules that ran */
  readonly ruleSet?: string
  readonly eventSource: string
  readonly eventId: string
  readonly callId: string
  readonly server: string
  readonly tool?: string
  readonly atMs: number
  /** when the situation began, Unix milliseconds of event time */
  readonly openedMs: number
  /** events that showed the situation so far, this one included */
  readonly count: number
  /** the event that made this revision; with the id it names the revision */
  readonly latest: EventLink
  readonly containment?: FindingContainment
  /** of a closed one */
  readonly disposition?: Disposition
}

/** Names one revision of one finding: told again after a crash, it has the same name. */
export function revisionOf({ id, latest, containment, disposition }: Finding): string {
  return [
    id,
    latest.source,
    latest.id,
    containment?.id ?? '',
    containment?.state ?? '',
    disposition?.kind ?? '',
    disposition?.atMs ?? '',
  ].join('\u001f')
}
