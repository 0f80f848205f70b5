import { mean, sampleVariance } from 'simple-statistics'
import { type Baseline, type Calibration, QUIET_FLEET, type Tail, type ToolEvent } from '../model/index.ts'
import type { Engine } from './engine.ts'
import { type SessionOptions, Sessions } from './session.ts'
import { Evidence, evidenceOf, type Weights } from './verdict.ts'

/** Strongest clean strengths kept per detector. */
const TAIL_SIZE = 200
/** share of sessions (and at least so many) whose maxima the threshold is fitted on */
const FITTED_SHARE = 0.2
const FITTED_AT_LEAST = 8
/** a strength is in nats, so beyond what was seen it is expected to thin out by e per nat; never assumed to be faster */
const SCALE_AT_LEAST = 1
/** no threshold below this many nats, however quiet the history */
const THRESHOLD_AT_LEAST = 4

/** What one clean session would have raised: per event with a signal, its time and the strengths by detector. */
export interface RehearsedSession {
  readonly events: number
  readonly signals: readonly { readonly timeMs: number; readonly strengths: readonly (readonly [string, number])[] }[]
}

/** Clean sessions with a baseline that has not seen them: what they score is what an unseen clean session scores. */
export interface HeldOut {
  readonly baseline: Baseline
  readonly sessions: readonly (readonly ToolEvent[])[]
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
  events: readonly ToolEvent[],
  options: Partial<SessionOptions>,
): RehearsedSession {
  const live = new Sessions(options)
  const signals: { timeMs: number; strengths: [string, number][] }[] = []
  for (const event of events) {
    const { session, duplicate } = live.enter(event)
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

/**
 * Tails per detector and the role's threshold from its clean, held-out sessions.
 *
 * Threshold: the largest evidence of each session is taken; the excesses of the upper fifth over its lower end are
 * fitted with a generalised Pareto tail, and the threshold is where that tail has come down to the budget. With fewer
 * sessions than one in a budget this extrapolates; the margin for that is a shape one standard error heavier than
 * estimated. `achieved` is counted, not extrapolated.
 */
export function calibrate(rehearsed: readonly RehearsedSession[], weights: Weights, budget: number): Calibration {
  const tails = tailsOf(rehearsed)
  const maxima = rehearsed.map((session) => largestEvidence(session, tails, weights)).sort((a, b) => b - a)
  const thresholdNats = thresholdOf(maxima, budget)
  const reached = maxima.filter((nats) => nats >= thresholdNats).length
  return {
    tails,
    thresholdNats,
    budget,
    achieved: maxima.length === 0 ? 0 : reached / maxima.length,
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
    tails[id] = { strengths: list.slice(0, TAIL_SIZE), events, scale: scaleOf(list, events) }
  }
  // A detector that never spoke on clean history: its tail begins at zero.
  tails['*'] = { strengths: [], events, scale: SCALE_AT_LEAST }
  return tails
}

/** Mean excess of the upper tail, never faster than one nat per nat. */
function scaleOf(descending: readonly number[], events: number): number {
  const k = Math.min(descending.length - 1, Math.max(FITTED_AT_LEAST, Math.ceil(events * 0.01)))
  if (k < 1) return SCALE_AT_LEAST
  const from = descending[k] ?? 0
  return Math.max(SCALE_AT_LEAST, mean(descending.slice(0, k)) - from)
}

/**
 * Probability that a clean event of the role is at least this strong. Inside what was seen it is counted; beyond the
 * strongest it falls exponentially, but never below (1 / (events + 1)) ^ 2: short history cannot vouch for more.
 */
export function tailOf(tails: Readonly<Record<string, Tail>>, id: string, strength: number): number {
  const tail = tails[id] ?? tails['*']
  if (tail === undefined) return 1
  const { strengths, events, scale } = tail
  const least = 1 / (events + 1)
  const strongest = strengths[0] ?? 0
  if (strength > strongest) return Math.max(least * Math.exp(-(strength - strongest) / scale), least ** 2)
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

function thresholdOf(descending: readonly number[], budget: number): number {
  const n = descending.length
  if (n === 0) return THRESHOLD_AT_LEAST
  const k = Math.min(n - 1, Math.max(FITTED_AT_LEAST, Math.round(n * FITTED_SHARE)))
  if (k < 2) return Math.max(THRESHOLD_AT_LEAST, (descending[0] ?? 0) + Math.log(1 / budget))
  const from = descending[k] ?? 0
  const excesses = descending.slice(0, k).map((nats) => nats - from)
  return Math.max(THRESHOLD_AT_LEAST, from + paretoQuantile(excesses, Math.min(1, (budget * n) / k)))
}

/** Steepest and heaviest shape that so few excesses can make us believe. */
const SHAPE_AT_LEAST = -0.5
const SHAPE_AT_MOST = 0.25

/**
 * The excess that a share `tail` of all excesses is above: generalised Pareto by moments (Hosking and Wallis 1987),
 * the shape taken one standard error heavier than estimated, the scale matched to the mean.
 */
function paretoQuantile(excesses: readonly number[], tail: number): number {
  const k = excesses.length
  const average = mean([...excesses])
  if (average === 0) return 0
  const variance = sampleVariance([...excesses])
  const estimate = variance === 0 ? SHAPE_AT_MOST : (1 - average ** 2 / variance) / 2
  const heavier = estimate + (1 - Math.max(SHAPE_AT_LEAST, estimate)) / Math.sqrt(k)
  const shape = Math.min(SHAPE_AT_MOST, Math.max(SHAPE_AT_LEAST, heavier))
  const scale = average * (1 - shape)
  return Math.abs(shape) < 1e-6 ? scale * Math.log(1 / tail) : (scale / shape) * (tail ** -shape - 1)
}
