import type { Trait } from './traits.ts'

/**
 * The baseline: all profiles of one role, an immutable, versioned snapshot. A profile answers questions and never
 * learns; learning makes a new snapshot. Surprises are in nats, supports in distinct sessions and agents.
 */

/**
 * `learning`: too little history, diagnostics and written rules only. `drifted`: judges,
 * but the role's volume lately left what its own past lets expect. `suspected-poisoned`: judges, but withholds what few
 * of the role's agents lately made part of it. `stale`: not refreshed within its shelf life.
 */
export type BaselineState = 'learning' | 'active' | 'drifted' | 'suspected-poisoned' | 'stale'

/** A tool that few of the role's agents lately began to use, or use more: withheld until others do or a person clears it. */
export interface Suspect {
  readonly server: string
  readonly tool: string
  /** days since the epoch */
  readonly sinceDay: number
  /** sessions that used it since */
  readonly sessions: number
  /** agents behind them, of all that worked since */
  readonly agents: number
  readonly ofAgents: number
}

export interface Support {
  readonly sessions: number
  readonly agents: number
}

export interface Surprise extends Support {
  /** -ln P, >= 0 */
  readonly nats: number
}

/** Numbers that the volume profile knows, each on a log scale. */
export type Measure =
  | 'call.bytes'
  | 'call.records'
  | 'session.calls'
  | 'session.bytes'
  | 'session.records'
  | 'session.errors'
  | 'session.denied'
  | 'session.failed-in-a-row'
  | 'call.cpu'
  | 'call.memory'
  | 'agent-hour.calls'
  | 'agent-hour.bytes'

export interface SequenceProfile {
  /** Witten-Bell back-off over the longest known suffix of `history` (oldest first). `sessions` counts those in which the token followed the last one of `history`, `of` all. */
  surprise(history: readonly string[], token: string): Surprise & { readonly of: number }
}

export interface VolumeProfile {
  /** `-ln P(X >= value)` of the role's own values; `tool` for per-call measures. `values` of them were learnt; undefined where none. */
  surprise(
    measure: Measure,
    value: number,
    tool?: string,
  ): (Surprise & { readonly typical: number; readonly highest: number; readonly values: number }) | undefined
}

export interface HoursProfile {
  /** how unusual it is for the role to work at this hour of its week, smoothed over neighbouring hours */
  surprise(timeMs: number): Surprise & { readonly label: string }
}

export interface DestinationProfile {
  /** sessions of the role that used the destination in an argument without the task naming it; zero when never */
  used(fp: string): Support
  /** sessions that took this kind of argument of the tool from an order in a result, the task not naming it */
  ordered(tool: string, kind: string): Support
  /**
   * Where the tool connected to (`*` for any tool of the role): a host, a country, `host:port`, or `host:*` for any port
   * of the host, counted where ports were stated.
   */
  egress(tool: string, peer: string): Support
}

export interface ToolProfile {
  surprise(server: string, tool: string): Surprise
  /** the same for use that the task, as far as it is known, did not ask for */
  unasked(server: string, tool: string): Surprise
}

export interface ParameterProfile {
  /** the most surprising of a call's `argument=shape` descriptions (shapes.ts); undefined where the tool is not known */
  surprise(
    tool: string,
    shapes: readonly string[],
  ): (Surprise & { readonly argument: string; readonly shape: string; readonly usual: string }) | undefined
  /** how unusual a trait (traits.ts) is in this argument of the tool; `calls` of the tool stand behind it */
  trait(tool: string, trait: string): Surprise & { readonly calls: number }
  /** the same of any argument of any tool of the role */
  traitAnywhere(trait: Trait): Surprise & { readonly calls: number }
}

/** Where and on what the role runs, and which agents have it. */
export type Surrounding = 'region' | 'country' | 'host' | 'posture' | 'agent'

export interface SurroundingsProfile {
  /** undefined where the history never states this kind of surrounding */
  surprise(kind: Surrounding, value: string): (Surprise & { readonly of: number; readonly usual: string }) | undefined
}

export interface ReachProfile {
  /** of a destination (its fingerprint) of this kind in an argument of the tool; undefined where the tool never had any */
  surprise(
    tool: string,
    kind: string,
    fp: string,
  ): (Surprise & { readonly uses: number; readonly values: number }) | undefined
}

export interface IntentProfile {
  /** of an `ask` or `act` of a task or stated intent; undefined where the history states no intents */
  surprise(fp: string): Surprise | undefined
}

export type DripMeasure = 'calls' | 'bytes' | 'records'

export interface DripProfile {
  /**
   * What this agent's days add up to beyond the role's and its own first ones, as far as they were learnt: `days` of its
   * `of` days, at about `times` what is usual. Undefined where they add up to nothing.
   */
  surprise(agent: string):
    | {
        readonly nats: number
        readonly measure: DripMeasure
        readonly days: number
        readonly of: number
        readonly times: number
      }
    | undefined
}

export interface LatencyProfile {
  surprise(tool: string, durationMs: number): (Surprise & { readonly typical: number }) | undefined
}

/** Calls as numbers (features.ts), all of them taken together. */
export interface CombinationProfile {
  /** clean calls it was learnt from */
  readonly calls: number
  /** -ln of the share of the role's own calls that stand out as much; `features` as callFeatures fills them */
  nats(features: ArrayLike<number>): number
  /** what makes the call stand out: features that would make it less so at their median, the one that says most first */
  carriers(features: ArrayLike<number>): readonly {
    readonly feature: string
    readonly value: number
    readonly usual: number
  }[]
}

export interface Profiles {
  readonly sequence: SequenceProfile
  readonly volume: VolumeProfile
  readonly hours: HoursProfile
  readonly destinations: DestinationProfile
  readonly tools: ToolProfile
  readonly parameters: ParameterProfile
  readonly latency: LatencyProfile
  readonly surroundings: SurroundingsProfile
  readonly reach: ReachProfile
  readonly drip: DripProfile
  readonly intents: IntentProfile
}

/** The upper tail of one detector's strengths over this role's clean history. */
export interface Tail {
  /** the strongest clean strengths, descending; at most TAIL_SIZE */
  readonly strengths: readonly number[]
  /** clean events the detector judged, the silent ones included */
  readonly events: number
}

/** False answers per clean session that the user accepts. */
export interface Budgets {
  /** people are told */
  readonly alerts: number
  /** the next call needs a person */
  readonly stepUps: number
  /** nothing may be changed any more, or the session ends */
  readonly containments: number
}

/** How strengths of this role's clean history are distributed, and where its threshold lies. */
export interface Calibration {
  /** by detector id */
  readonly tails: Readonly<Record<string, Tail>>
  /** session evidence (nats, after decay) at which the role's budget of false alerts is spent */
  readonly alertNats: number
  /** at which that of false step-ups is spent, the first rung: risk 0.5 */
  readonly thresholdNats: number
  /** at which that of harder containment is spent */
  readonly containNats: number
  /** stated budget, false step-ups per session */
  readonly budget: number
  /** share of clean sessions, judged by baselines that had not seen them, that reach the threshold */
  readonly achieved: number
  /** clean sessions the threshold was found on */
  readonly sessions: number
}

export interface Baseline extends Profiles {
  readonly tenant: string
  readonly role: string
  /** first 16 hex digits of the snapshot's SHA-256 */
  readonly version: string
  readonly state: BaselineState
  readonly sessions: number
  readonly agents: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
  /** the role it borrows from while it is learning itself */
  readonly parent?: string
  readonly calibration: Calibration
  /** absent where nothing is suspected */
  readonly suspects?: readonly Suspect[]
  /** absent where too little was learnt for it */
  readonly combination?: CombinationProfile
}
