import type { SilentPep, ToolEvent } from '../../model/index.ts'
import { BoundedMap } from './bounded.ts'

const MAX_PEPS = 5_000
/** how often, in event time, silence is looked for */
const LOOK_EVERY_MS = 60_000
/** heartbeats come every 30 s: so long without any sign of life is silence */
const HEARTBEAT_SILENCE_MS = 150_000
/** of a PEP without heartbeats: times its longest silence so far, and never less than an hour */
const TIMES_LONGEST = 2
const SILENCE_AT_LEAST_MS = 3_600_000
/** longest pause of a whole tenant that counts as time, less than any silence: what is quiet together is nobody's */
const MAX_PAUSE_MS = 120_000
/** gaps that must have been seen before the longest of them says anything */
const MIN_GAPS = 50
/** decisions that must have been seen before their absence says anything */
const MIN_DECISIONS = 50
/** numbered sessions after which a PEP's way of counting is known */
const MIN_SESSIONS = 3

export interface PepRecord {
  readonly source: string
  lastMs: number
  /** the tenant's clock (see PepBook) when it was heard last */
  heardMs: number
  events: number
  longestGapMs: number
  hasHeartbeat: boolean
  calls: number
  decided: number
  /** told of since it was heard last */
  isToldOf: boolean
  isToldUnchecked: boolean
  /** sessions with numbered events, and those of them whose numbers begin at 0 or 1: it numbers by session */
  sessions: number
  fromStart: number
}

/**
 * PEPs of one tenant: who was heard when. Silence is measured by a clock of the tenant that goes on only while somebody
 * is heard: nights, weekends and the time between history and the first live event are no PEP's silence.
 */
export class PepBook {
  readonly peps = new BoundedMap<string, PepRecord>(MAX_PEPS)
  private lookedMs = Number.NEGATIVE_INFINITY
  private nowMs = Number.NEGATIVE_INFINITY
  private clockMs = 0
  private last: PepRecord | undefined

  /** PEPs that this event shows to be silent; empty on the quiet path. */
  enter({ source, timeMs, data, clock }: ToolEvent): readonly SilentPep[] {
    const pep = this.last?.source === source ? this.last : this.pepOf(source, timeMs)
    this.last = pep
    // A clock that is ahead would make everyone else look silent.
    if (clock !== 'on-time') return NONE
    if (timeMs > this.nowMs) {
      if (this.nowMs > 0) this.clockMs += Math.min(timeMs - this.nowMs, MAX_PAUSE_MS)
      this.nowMs = timeMs
    }
    const gapMs = this.clockMs - pep.heardMs
    if (gapMs > pep.longestGapMs && !pep.isToldOf) pep.longestGapMs = gapMs
    if (timeMs > pep.lastMs) pep.lastMs = timeMs
    pep.heardMs = this.clockMs
    pep.events++
    pep.isToldOf = false
    if (data.op === 'heartbeat') pep.hasHeartbeat = true
    if (this.nowMs - this.lookedMs < LOOK_EVERY_MS) return NONE
    this.lookedMs = this.nowMs
    return this.silent()
  }

  /** The PEP of a call that was let through unasked although its PEP has always asked. */
  unchecked({ source, data }: ToolEvent): string | undefined {
    if (data.op !== 'tools/call') return undefined
    const pep = this.last?.source === source ? this.last : this.peps.get(source)
    if (pep === undefined) return undefined
    pep.calls++
    const origin = data.decision?.origin
    const isDecided = data.decision !== undefined && origin !== 'none' && origin !== 'fail-open'
    if (isDecided) {
      pep.decided++
      pep.isToldUnchecked = false
      return undefined
    }
    const always = pep.decided >= MIN_DECISIONS && pep.decided >= 0.98 * (pep.calls - 1)
    if (!always || pep.isToldUnchecked) return undefined
    pep.isToldUnchecked = true
    return source
  }

  /** A session's first number: whether this PEP numbers by session shows after a few. */
  opens(source: string, seq: number): void {
    const pep = this.peps.get(source)
    if (pep === undefined) return
    pep.sessions++
    if (seq <= 1) pep.fromStart++
  }

  numbersBySession(source: string): boolean {
    const pep = this.peps.get(source)
    return pep !== undefined && pep.sessions >= MIN_SESSIONS && pep.fromStart >= 0.9 * pep.sessions
  }

  private silent(): readonly SilentPep[] {
    let found: SilentPep[] | undefined
    for (const pep of this.peps.values()) {
      const silentMs = this.clockMs - pep.heardMs
      const usualMs = allowedMs(pep)
      if (usualMs === undefined || silentMs <= usualMs || pep.isToldOf) continue
      pep.isToldOf = true
      found ??= []
      found.push({ source: pep.source, silentMs, usualMs })
    }
    return found ?? NONE
  }

  pepOf(source: string, timeMs: number): PepRecord {
    return (
      this.peps.get(source) ??
      this.peps.set(source, {
        source,
        lastMs: timeMs,
        heardMs: this.clockMs,
        events: 0,
        longestGapMs: 0,
        hasHeartbeat: false,
        calls: 0,
        decided: 0,
        isToldOf: false,
        isToldUnchecked: false,
        sessions: 0,
        fromStart: 0,
      })
    )
  }
}

const NONE: readonly SilentPep[] = []

function allowedMs({ hasHeartbeat, longestGapMs, events }: PepRecord): number | undefined {
  if (hasHeartbeat) return HEARTBEAT_SILENCE_MS
  return events < MIN_GAPS ? undefined : Math.max(SILENCE_AT_LEAST_MS, TIMES_LONGEST * longestGapMs)
}
