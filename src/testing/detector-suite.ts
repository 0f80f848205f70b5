import { performance } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import type { Detector, DetectorInput } from '../detect/detector.ts'
import { Engine } from '../detect/engine.ts'
import { type FleetSnapshot, Fleets } from '../detect/fleet.ts'
import { Sessions } from '../detect/session.ts'
import type { Baseline, EventData, Signal, ToolEvent } from '../model/index.ts'

export interface DetectorSuiteInput {
  readonly detector: Detector
  /** what it is judged by */
  readonly baseline: Baseline
  /** a session in order; signals on it are neither wanted nor excluded */
  readonly events: readonly ToolEvent[]
  /** microseconds that one event may take */
  readonly maxMicros?: number
}

/** What every detector keeps, whoever wrote it. */
export function detectorSuite(input: DetectorSuiteInput): void {
  const { detector, baseline, events, maxMicros = 20 } = input

  describe(`${detector.id} as a detector`, () => {
    it('says what an analyst needs', () => {
      expect(detector.title.length).toBeGreaterThan(5)
      expect(detector.description.length).toBeGreaterThan(20)
      expect(detector.runbook.length).toBeGreaterThanOrEqual(2)
      expect(detector.knownGaps.length).toBeGreaterThan(0)
    })

    it('leaves its input unchanged', () => {
      const before = structuredClone(events.map((event) => event.cloud))
      run(detector, baseline, events)
      expect(events.map((event) => event.cloud)).toEqual(before)
    })

    it('is deterministic', () => {
      expect(run(detector, baseline, events)).toEqual(run(detector, baseline, events))
    })

    it('does not depend on the order of properties', () => {
      expect(run(detector, baseline, events.map(reversed))).toEqual(run(detector, baseline, events))
    })

    it('survives missing and unknown members', () => {
      for (const member of ['tool', 'args', 'refs', 'result', 'egress', 'intent'] as const) {
        const stripped = events.map((event) => changed(event, { ...event.data, [member]: undefined }))
        expect(() => run(detector, baseline, stripped)).not.toThrow()
      }
      const strange = events.map((event) => changed(event, { ...event.data, ext: { any: ['thing'] }, op: 'new/op' }))
      expect(() => run(detector, baseline, strange)).not.toThrow()
    })

    it('gives finite strengths and reasons that say observed and expected', () => {
      for (const signal of run(detector, baseline, events)) {
        expect(Number.isFinite(signal.strength) && signal.strength >= 0).toBe(true)
        expect(signal.reasons.length).toBeGreaterThan(0)
        for (const { what, observed, expected } of signal.reasons)
          expect(Math.min(what.length, observed.length, expected.length)).toBeGreaterThan(0)
      }
    })

    it(`takes less than ${maxMicros} us an event`, () => {
      expect(fastestMicros(detector, baseline, events)).toBeLessThan(maxMicros)
    })
  })
}

const REPEATS = 300

/** Slowest of the events, each at its fastest of some rounds: other work on the machine only ever makes it slower. */
function fastestMicros(detector: Detector, baseline: Baseline, events: readonly ToolEvent[]): number {
  const sessions = new Sessions()
  const fleets = new Fleets()
  let slowest = 0
  for (const event of events) {
    const { session } = sessions.enter(event)
    const fleet = fleets.enter(event, session)
    let fastest = Number.POSITIVE_INFINITY
    for (let round = 0; round < 5; round++) {
      const startedMs = performance.now()
      for (let i = 0; i < REPEATS; i++) detector.detect({ event, session, baseline, fleet })
      fastest = Math.min(fastest, ((performance.now() - startedMs) * 1_000) / REPEATS)
    }
    slowest = Math.max(slowest, fastest)
    sessions.leave(session, event)
  }
  return slowest
}

/** Folds the events and collects what the detector says; a throw is a failure here. `history`: what is vouched for. */
export function run(
  detector: Detector,
  baseline: Baseline,
  events: readonly ToolEvent[],
  history?: FleetSnapshot,
): Signal[] {
  const sessions = new Sessions()
  const fleets = new Fleets()
  if (history !== undefined) fleets.absorb(history)
  const engine = new Engine([detector], {
    threw: (_id, error) => {
      throw error
    },
  })
  const signals: Signal[] = []
  for (const event of events) {
    const { session } = sessions.enter(event)
    const input: DetectorInput = { event, session, baseline, fleet: fleets.enter(event, session) }
    signals.push(...engine.detect(input).signals.map((raw) => raw.signal))
    sessions.leave(session, event)
  }
  return signals
}

function changed(event: ToolEvent, data: EventData): ToolEvent {
  return { ...event, data, cloud: { ...event.cloud, data } }
}

function reversed(event: ToolEvent): ToolEvent {
  return changed(event, turn(event.data) as EventData)
}

/** The same value with the members of every object in reverse; lists keep their order, it means something. */
function turn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turn)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, turn(member)]),
  )
}
