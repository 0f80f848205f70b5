import { describe, expect, it } from 'vitest'
import { seeded } from '../../scripts/fixtures/world.ts'
import { FEATURES } from '../model/index.ts'
import { compileCombination, learnCombination } from './combination.ts'

const random = seeded(9)
/** Small arguments early in a session, large ones late: neither alone is unusual. */
const call = (late: boolean, large: boolean): number[] =>
  FEATURES.map((feature) =>
    feature === 'bytes of arguments'
      ? (large ? 8 : 2) + random.next()
      : feature === 'calls before it in the session'
        ? (late ? 3 : 0) + random.next()
        : feature === 'errors in the session'
          ? random.next() ** 4
          : 0,
  )
const clean = (count: number): number[][] =>
  Array.from({ length: count }, (_, i) => (i % 2 === 0 ? call(false, false) : call(true, true)))
const folds = [clean(100), clean(100), clean(100), clean(100)]

describe('combinations', () => {
  const learnt = learnCombination(folds)
  const profile = compileCombination(JSON.parse(JSON.stringify(learnt?.all)))
  const natsOf = (point: number[]): number => profile?.nats(point) ?? Number.NaN

  it('usual values in an unusual combination surprise more than in the usual one', () => {
    const mean = (points: number[][]): number => points.reduce((sum, one) => sum + natsOf(one), 0) / points.length
    const unusual = Array.from({ length: 50 }, () => call(false, true))
    expect(mean(unusual)).toBeGreaterThan(mean(clean(200)) + 0.5)
  })

  it('a surprise of n nats is what about e^-n of unseen clean calls reach', () => {
    const unseen = clean(4_000).map(natsOf)
    for (const nats of [1, 2, 3]) {
      const share = unseen.filter((one) => one >= nats).length / unseen.length
      expect(share).toBeLessThan(2 * Math.exp(-nats))
      expect(share).toBeGreaterThan(0.3 * Math.exp(-nats))
    }
  })

  it('never promises more than the history behind it can hold', () => {
    expect(natsOf(FEATURES.map(() => 1e6))).toBeLessThanOrEqual(Math.log(400) + 1)
  })

  it('names the features that set a call apart', () => {
    const odd = call(false, false).map((value, i) => (FEATURES[i] === 'errors in the session' ? 9 : value))
    expect(profile?.carriers(odd)[0]).toMatchObject({ feature: 'errors in the session', value: 9 })
  })

  it('too few calls teach nothing, and what was learnt of other features is not used', () => {
    expect(learnCombination([clean(20), clean(20), clean(20), clean(20)]) === undefined).toBe(true)
    expect(compileCombination(learnt && { ...learnt.all, features: ['another'] })).toBeUndefined()
  })
})
