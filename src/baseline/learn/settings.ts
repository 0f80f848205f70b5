import type { Baseline, Budgets, Calibration, RestoredEvent } from '../../model/index.ts'

/** What the learn job needs of the store. */
export interface LearnStore {
  query<Row>(
    sql: string,
    parameters?: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>,
  ): Promise<readonly Row[]>
  command(
    sql: string,
    parameters?: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>,
  ): Promise<void>
}

export interface LearnSettings {
  /** a session is over when nothing came for this long */
  readonly settleMs: number
  /** history that a baseline looks back on */
  readonly windowDays: number
  /** what one session may add to one row */
  readonly maxPerSession: number
  /** sessions of one agent that count per day */
  readonly maxSessionsPerAgentDay: number
  /** below these a role stays `learning` */
  readonly minSessions: number
  readonly minAgents: number
  /** rows seen in fewer distinct sessions or by fewer agents than this are left out */
  readonly minSupport: { readonly sessions: number; readonly agents: number }
  /** tools that few of the role's agents lately made part of it are withheld */
  readonly withholdSuspects: boolean
  /** sessions that calibration rehearses per role, newest first */
  readonly maxCalibrated: number
  /** false answers per clean session that the user accepts */
  readonly budgets: Budgets
  /** IANA zone the role works in */
  timeZoneOf(tenant: string, role: string): string
  /** the role that a role still learning borrows from */
  parentOf(tenant: string, role: string): string | undefined
}

export const LEARN_DEFAULTS: LearnSettings = {
  settleMs: 30 * 60_000,
  windowDays: 60,
  maxPerSession: 5,
  maxSessionsPerAgentDay: 500,
  minSessions: 30,
  minAgents: 1,
  minSupport: { sessions: 1, agents: 1 },
  withholdSuspects: true,
  maxCalibrated: 2_000,
  budgets: { alerts: 0.01, stepUps: 0.005, containments: 0.001 },
  timeZoneOf: () => 'UTC',
  parentOf: () => undefined,
}

/** Judges sessions with baselines that have not seen them, and finds tails and threshold (detect/calibrate.ts). */
export type Calibrate = (
  heldOut: readonly { readonly baseline: Baseline; readonly sessions: readonly (readonly RestoredEvent[])[] }[],
  budgets: Budgets,
) => Calibration

/** The calls of sessions as numbers (features.ts), against a baseline that has not seen them (detect/calibrate.ts). */
export type DescribeCalls = (baseline: Baseline, sessions: readonly (readonly RestoredEvent[])[]) => readonly number[][]

export interface LearnInput {
  /** the days of this tenant and the baseline of this role of it, and nothing else */
  readonly only?: { readonly tenant: string; readonly role: string }
  readonly store: LearnStore
  readonly calibrate: Calibrate
  /** absent: nothing is learnt of calls as a whole */
  readonly describeCalls?: DescribeCalls
  /** Unix milliseconds: what is settled and how far the window reaches back is counted from here */
  readonly nowMs: number
  readonly settings?: Partial<LearnSettings>
  /** names the key of the destination fingerprints in the store */
  readonly refsKey?: string
  /** called as work proceeds, for a progress bar */
  progress?(done: number, total: number, what: string): void
}

export const DAY_MS = 86_400_000
