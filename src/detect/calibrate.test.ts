import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Budgets } from '../model/index.ts'
import { calibrate, type RehearsedSession, tailOf } from './calibrate.ts'
import { Evidence, evidenceOf, HALF_LIFE_MS, levelOf, riskOf, type Weights } from './verdict.ts'

const WEIGHTS: Weights = { default: 0.5, detectors: { a: 1 } }
const budgets = (share: number): Budgets => ({ alerts: 2 * share, stepUps: share, containments: share / 5 })
const clean = (strengths: readonly number[]): readonly RehearsedSession[] =>
  strengths.map((strength) => ({
    events: 10,
    signals: strength > 0 ? [{ timeMs: 0, strengths: [['a', strength]] }] : [],
  }))
/** Exponential strengths of scale 1, at their quantiles. */
const exponential = (n: number): number[] => Array.from({ length: n }, (_, i) => -Math.log((i + 0.5) / n))

describe('tail probabilities', () => {
  const { tails } = calibrate(clean(exponential(200)), WEIGHTS, budgets(0.01))
  it('fall as strength rises, within (0, 1]', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 60, noNaN: true }), fc.double({ min: 0, max: 60, noNaN: true }), (x, y) => {
        const [low, high] = [Math.min(x, y), Math.max(x, y)]
        expect(tailOf(tails, 'a', high)).toBeLessThanOrEqual(tailOf(tails, 'a', low))
        expect(tailOf(tails, 'a', high)).toBeGreaterThan(0)
        expect(tailOf(tails, 'a', low)).toBeLessThanOrEqual(1)
      }),
    )
  })
  it('short history cannot vouch for a rare event', () => {
    expect(tailOf(tails, 'a', 1_000)).toBeCloseTo(1 / 2_001 ** 2, 12)
    expect(tailOf(calibrate(clean([1, 2]), WEIGHTS, budgets(0.01)).tails, 'a', 1_000)).toBeGreaterThan(1e-3)
  })
  it('a detector that never spoke on clean history is judged by how much there was', () => {
    expect(tailOf(tails, 'new', 10)).toBeLessThan(1 / 2_000)
    expect(tailOf({}, 'new', 50)).toBe(1)
  })
})

describe('the threshold', () => {
  const threshold = (budget: number, strengths = exponential(300)): number =>
    calibrate(clean(strengths), WEIGHTS, budgets(budget)).thresholdNats
  it('rises as the budget falls', () => {
    expect(threshold(0.001)).toBeGreaterThan(threshold(0.01))
  })
  it('lets people know first, and contains last', () => {
    const { alertNats, thresholdNats, containNats } = calibrate(clean(exponential(300)), WEIGHTS, budgets(0.01))
    expect(alertNats).toBeLessThan(thresholdNats)
    expect(thresholdNats).toBeLessThan(containNats)
  })
  it('lies above the clean sessions, with the achieved rate counted', () => {
    const calibration = calibrate(clean(exponential(300)), WEIGHTS, budgets(0.001))
    expect(calibration.achieved).toBeLessThanOrEqual(0.01)
    expect(calibration).toMatchObject({ budget: 0.001, sessions: 300 })
  })
  it('has a floor, however quiet the history, and exists without any', () => {
    expect(
      threshold(
        0.001,
        Array.from({ length: 100 }, () => 0),
      ),
    ).toBe(4)
    expect(calibrate([], WEIGHTS, budgets(0.05))).toMatchObject({ thresholdNats: 4, achieved: 0, sessions: 0 })
  })
})

describe('fusion', () => {
  it('what is common is no evidence, and nothing is evidence of innocence', () => {
    expect(evidenceOf(WEIGHTS, 'a', 0.5)).toBe(0)
    expect(evidenceOf(WEIGHTS, 'a', 0.001)).toBeGreaterThan(evidenceOf(WEIGHTS, 'other', 0.001))
  })
  it('takes the strongest, and a tenth of what it or another detector says beside it', () => {
    const evidence = new Evidence()
    evidence.add('a', 4)
    evidence.add('a', 2)
    evidence.add('b', 1)
    expect(evidence.total).toBeCloseTo(4 + 0.2 + 0.1)
  })
  it('halves in its half-life, and not by going back in time', () => {
    const evidence = new Evidence()
    evidence.add('a', 4)
    evidence.decay(HALF_LIFE_MS)
    evidence.decay(-1)
    expect(evidence.total).toBeCloseTo(2)
  })
  it('maps the threshold to one half in every role, and levels to its budgets', () => {
    expect(riskOf(3, 3)).toBeCloseTo(0.5)
    expect(riskOf(0, 7)).toBe(0)
    expect([2.9, 3, 4, 6].map((nats) => levelOf(nats, { thresholdNats: 3, containNats: 4 }))).toEqual([
      undefined,
      'require_step_up',
      'restrict_read_only',
      'suspend_session',
    ])
  })
})
