import type { Baseline, EventData, Fleet, Level, Session, Severity, Signal, ToolEvent } from '../model/index.ts'

/** A dotted path into the event's data that a detector cannot do without. */
export type Need = keyof EventData | `${keyof EventData}.${string}`

export interface DetectorInput {
  readonly event: ToolEvent
  readonly session: Session
  readonly baseline: Baseline
  /** what the tenant's sessions show together; says something to detectors of fleet scope only */
  readonly fleet: Fleet
}

/**
 * Each signal is a finding by itself, like a rule that fired, whatever the session's risk and whether or not the role is
 * still learning. For what is certain when it is seen; everything else is evidence that is fused.
 */
export interface Raises {
  readonly severity: Severity
  /** rung that is ordered at once; absent: people are told, nothing is contained */
  readonly response?: Level
}

/** Who says a signal: a detector or a rule, as findings, metrics and containment see it. */
export interface SignalSource {
  readonly kind: 'detector' | 'rule'
  readonly id: string
  readonly title: string
  readonly tags: readonly string[]
  readonly runbook: readonly string[]
  /** may carry containment */
  readonly contains: boolean
  readonly raises?: { readonly severity: Severity; readonly response?: Response } | undefined
}

/** What is ordered for a signal that is certain. */
export interface Response {
  readonly level: Level
  /** absent: as configured for the level */
  readonly leaseMs?: number | undefined
  /** planned and recorded, never delivered, whatever the instance's mode */
  readonly monitored?: boolean
}

/**
 * A detector: data about itself plus one pure function. It reads no clock, no network and no state but what it is
 * given, changes nothing, and says how surprising the event is against the role's own history, in nats; the engine
 * turns that into a tail probability, so a detector never invents a scale. Undefined means: judged, nothing unusual.
 * Input that it declares in `needs` is there when it is called; an event without it is reported as *could not judge*.
 */
export interface Detector {
  /** the file's name without extension */
  readonly id: string
  readonly title: string
  readonly description: string
  /** `session` when absent. `fleet`: asked only where an event brings something new to the tenant (model/fleet.ts). */
  readonly scope?: 'session' | 'fleet'
  /** ops it looks at; every op when absent */
  readonly ops?: readonly string[]
  readonly needs: readonly Need[]
  /** judges a role that is still learning too: it leans on nothing learnt */
  readonly whileLearning: boolean
  /** may carry containment; a detector that only raises suspicion says false */
  readonly contains: boolean
  /** runs only where `detection.enabled` names it */
  readonly isOptional?: boolean
  /** a model of the baseline that the learn job trains only where a detector that runs asks for it */
  readonly model?: 'combination'
  readonly raises?: Raises
  /** MITRE ATLAS, OWASP Agentic (ASI…) and OWASP MCP ids */
  readonly tags: readonly string[]
  readonly knownGaps: readonly string[]
  /** two or three concrete steps for the analyst */
  readonly runbook: readonly string[]
  readonly detect: (input: DetectorInput) => Signal | undefined
}

export function defineDetector(detector: Detector): Detector {
  return detector
}
