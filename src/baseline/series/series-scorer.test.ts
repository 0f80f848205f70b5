import { describe, expect, it } from 'vitest'
import { OwnTail } from './own-tail.ts'
import { SERIES_SETTINGS, SeriesScorer } from './series-scorer.ts'

const HOURS = 60 * 24

/** Calls of an agent that works eight hours a day, a little more or less each time. */
function usual(at: number): number {
  const hour = at % 24
  return hour >= 9 && hour < 17 ? 20 + ((at * 7919) % 11) : 0
}

function reportsOf(valueAt: (at: number) => number): readonly number[] {
  const scorer = new SeriesScorer()
  return Array.from({ length: HOURS }, (_, at) => at).filter((at) => scorer.score(valueAt(at), at % 24) > 1)
}

describe('series scorer', () => {
  it('a daily rhythm is not reported once it is learnt', () => {
    expect(reportsOf(usual)).toEqual([])
  })

  it('a spike beyond anything seen is reported where it begins, and what follows of it is not', () => {
    const from = 40 * 24 + 12
    expect(reportsOf((at) => (at >= from && at < from + 3 ? 300 : usual(at)))).toEqual([from])
  })

  it('work at an hour that never had any is reported although the number is usual', () => {
    const night = 40 * 24 + 3
    expect(reportsOf((at) => (at === night ? 25 : usual(at)))).toEqual([night])
  })

  it('a change that stays is reported, and then is what is usual', () => {
    const from = 30 * 24
    const reports = reportsOf((at) => (at >= from ? 2 * usual(at) : usual(at)))
    expect(reports[0]).toBeGreaterThanOrEqual(from)
    expect(reports[0]).toBeLessThan(from + 24)
    expect(reports.filter((at) => at > from + 14 * 24)).toEqual([])
  })

  it('a series that never moved reports its first movement, and nothing before', () => {
    expect(reportsOf((at) => (at === 900 ? 1 : 0))).toEqual([900])
  })

  it('says nothing while it warms up', () => {
    const scorer = new SeriesScorer()
    for (let at = 0; at < SERIES_SETTINGS.warmUp; at++) expect(scorer.score(at % 2 === 0 ? 0 : 10 ** at, 0)).toBe(0)
  })

  it('asking how strange a value would be changes nothing', () => {
    const [asked, silent] = [new SeriesScorer(), new SeriesScorer()]
    for (let at = 0; at < HOURS; at++) {
      asked.strangeness(1_000, at % 24)
      expect(asked.score(usual(at) * (at % 97), at % 24)).toBe(silent.score(usual(at) * (at % 97), at % 24))
    }
  })
})

describe('own tail', () => {
  it('a deviation is compared with the largest of those before it', () => {
    const tail = new OwnTail(0.99, 1_000)
    expect(tail.ratio(5)).toBe(0)
    for (let i = 0; i < 2_000; i++) tail.add(i % 50 === 0 ? 8 : 1)
    expect(tail.ratio(8)).toBeGreaterThan(0.7)
    expect(tail.ratio(8)).toBeLessThanOrEqual(1)
    expect(tail.ratio(80)).toBeGreaterThan(7)
  })

  it('forgets: what was extreme long ago becomes extreme again', () => {
    const tail = new OwnTail(0.99, 100)
    for (let i = 0; i < 200; i++) tail.add(64)
    const then = tail.ratio(64)
    for (let i = 0; i < 2_000; i++) tail.add(1)
    expect(tail.ratio(64)).toBeGreaterThan(10 * then)
  })

  it('stays finite however long it runs', () => {
    const tail = new OwnTail(0.999, 10)
    for (let i = 0; i < 20_000; i++) tail.add(i % 7)
    expect(tail.ratio(7)).toBeGreaterThan(0.5)
    expect(tail.ratio(7)).toBeLessThan(2)
  })
})
