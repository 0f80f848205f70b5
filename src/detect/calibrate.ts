import {
  type Baseline,
  type Budgets,
  type Calibration,
  callFeatures,
  FEATURES,
  isDescribed,
  QUIET_FLEET,
  type RestoredEvent,
  type Tail,
} from '../model/index.ts'
import type { Engine } from './engine.ts'
import { type Entered, type SessionOptions, Sessions } from './session.ts'
import { Evidence, evidenceOf, type Weights } from './verdict.ts'

/** Strongest clean strengths kept per detector. */
const TAIL_SIZE = 200
/** no threshold below these, however quiet the history */
const ALERT_AT_LEAST = 2.5
const THRESHOLD_AT_LEAST = 4
const JUST_ABOVE = 0.01
/** times the step-up threshold that harder containment needs at least */
const CONTAIN_AT_LEAST = 1.25

/** What one clean session would have raised: per event with a signal, its time and the strengths by detector. */
export interface RehearsedSession {
  readonly events: number
  readonly signals: readonly { readonly timeMs: number; readonly strengths: readonly (readonly [string, number])[] }[]
}

/** Clean sessions with a baseline that has not seen them: what they score is what an unseen clean session scores. */
export interface HeldOut {
  readonly baseline: Baseline
  readonly sessions: readonly (readonly RestoredEvent[])[]
}

export function rehearse(
  engine: Engine,
  heldOut: readonly HeldOut[],
  options: Partial<SessionOptions> = {},
): readonly RehearsedSession[] {
  return heldOut.flatMap(({ baseline, sessions }) =>
    sessions.map((events) => rehearseOne(engine, baseline, events, options)),
  )
}

function rehearseOne(
  engine: Engine,
  baseline: Baseline,
  events: readonly RestoredEvent[],
  options: Partial<SessionOptions>,
): RehearsedSession {
  const live = new Sessions(options)
  const signals: { timeMs: number; strengths: [string, number][] }[] = []
  for (const event of events) {
    const { session, duplicate } = enterAsThen(live, event)
    if (duplicate) continue
    const detected = engine.detect({ event, session, baseline: { ...baseline, state: 'active' }, fleet: QUIET_FLEET })
    if (detected.signals.length > 0) {
      const strengths = detected.signals.map(({ source, signal }): [string, number] => [source.id, signal.strength])
      signals.push({ timeMs: event.timeMs, strengths })
    }
    live.leave(session, event)
  }
  return { events: events.length, signals }
}

/** The calls of sessions as the numbers that callFeatures makes of them, for models of all of them together. */
export function describeCalls(
  { baseline, sessions }: HeldOut,
  options: Partial<SessionOptions> = {},
): readonly number[][] {
  const features = new Float64Array(FEATURES.length)
  const calls: number[][] = []
  for (const events of sessions) {
    const live = new Sessions(options)
    for (const event of events) {
      const { session, duplicate } = enterAsThen(live, event)
      if (duplicate) continue
      if (isDescribed(session)) {
        callFeatures(event, session, baseline, features)
        calls.push([...features])
      }
      live.leave(session, event)
    }
  }
  return calls
}

/** The agent's hour was what all its sessions made of it, not what this one does alone. */
function enterAsThen(live: Sessions, event: RestoredEvent): Entered {
  return event.agentHour === undefined ? live.enter(event) : live.restoring(event.agentHour, () => live.enter(event))
}

/**
 * Tails per detector and the role's thresholds from its clean, held-out sessions: the largest evidence of each session
 * is taken, and a threshold is what so few of them exceed as the budget allows. `achieved` is counted, not extrapolated.
 */
export function calibrate(rehearsed: readonly RehearsedSession[], weights: Weights, budgets: Budgets): Calibration {
  const tails = tailsOf(rehearsed)
  const maxima = rehearsed.map((session) => largestEvidence(session, tails, weights)).sort((a, b) => b - a)
  const thresholdNats = Math.max(THRESHOLD_AT_LEAST, exceededBy(maxima, budgets.stepUps))
  return {
    tails,
    alertNats: Math.min(thresholdNats, Math.max(ALERT_AT_LEAST, exceededBy(maxima, budgets.alerts))),
    thresholdNats,
    containNats: Math.max(thresholdNats * CONTAIN_AT_LEAST, exceededBy(maxima, budgets.containments)),
    budget: budgets.stepUps,
    achieved: maxima.length === 0 ? 0 : maxima.filter((nats) => nats >= thresholdNats).length / maxima.length,
    sessions: maxima.length,
  }
}

function tailsOf(rehearsed: readonly RehearsedSession[]): Record<string, Tail> {
  let events = 0
  const strengths = new Map<string, number[]>()
  for (const session of rehearsed) {
    events += session.events
    for (const { strengths: found } of session.signals)
      for (const [id, strength] of found) {
        const list = strengths.get(id)
        if (list) list.push(strength)
        else strengths.set(id, [strength])
      }
  }
  const tails: Record<string, Tail> = {}
  for (const [id, list] of [...strengths].sort(([a], [b]) => (a < b ? -1 : 1))) {
    list.sort((a, b) => b - a)
    tails[id] = { strengths: list.slice(0, TAIL_SIZE), events }
  }
  // A detector that never spoke on clean history: its tail begins at zero.
  tails['*'] = { strengths: [], events }
  return tails
}

/**
 * Probability that a clean event of the role is at least this strong. Inside what was seen it is counted; beyond the
 * strongest it falls by e per nat, since a strength is in nats, but never below (1 / (events + 1)) ^ 2: short history
 * cannot vouch for more.
 */
export function tailOf(tails: Readonly<Record<string, Tail>>, id: string, strength: number): number {
  const tail = tails[id] ?? tails['*']
  if (tail === undefined) return 1
  const { strengths, events } = tail
  const least = 1 / (events + 1)
  const strongest = strengths[0] ?? 0
  if (strength > strongest) return Math.max(least * Math.exp(strongest - strength), least ** 2)
  let low = 0
  let high = strengths.length
  while (low < high) {
    const mid = (low + high) >> 1
    if ((strengths[mid] ?? 0) >= strength) low = mid + 1
    else high = mid
  }
  return Math.min(1, (low + 1) * least)
}

function largestEvidence(session: RehearsedSession, tails: Readonly<Record<string, Tail>>, weights: Weights): number {
  const evidence = new Evidence()
  let atMs = session.signals[0]?.timeMs ?? 0
  let largest = 0
  for (const { timeMs, strengths } of session.signals) {
    evidence.decay(timeMs - atMs)
    for (const [id, strength] of strengths) evidence.add(id, evidenceOf(weights, id, tailOf(tails, id, strength)))
    atMs = timeMs
    largest = Math.max(largest, evidence.total)
  }
  return largest
}

/**
 * Evidence (nats) that a share `budget` of clean sessions exceeds. Where the history is long enough it is counted;
 * beyond its strongest session the share falls by e per nat, because evidence is -ln of a probability by construction.
 */
function exceededBy(descending: readonly number[], budget: number): number {
  const expected = (descending.length + 1) * budget
  if (expected >= 1) return (descending[Math.floor(expected) - 1] ?? 0) + JUST_ABOVE
  return (descending[0] ?? 0) + Math.log(1 / expected)
}
