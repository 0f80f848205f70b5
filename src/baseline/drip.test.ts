import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { profileRow } from '../testing/baseline.ts'
import { compileDrip } from './drip.ts'
import { logBucket } from './histogram.ts'

const row = (agent: string, day: number, bytes: number) =>
  profileRow(`bytes\u001f${agent}`, `${day}\u001f${logBucket(bytes)}`, 1)
/** Twenty days of an agent: what `of` says of each. */
const days = (agent: string, of: (day: number) => number) =>
  Array.from({ length: 20 }, (_, day) => row(agent, day, of(day)))
const wave = (day: number): number => 1_000 + 150 * Math.sin(day * 2.1)
const others = ['a', 'b', 'c'].flatMap((agent) => days(agent, wave))

describe('days of an agent', () => {
  it('a little more every day adds up, and says since when', () => {
    const found = compileDrip([...others, ...days('drip', (day) => wave(day) * (day < 8 ? 1 : 1.9))]).surprise('drip')
    expect(found?.nats).toBeGreaterThan(10)
    expect(found).toMatchObject({ measure: 'bytes', days: 12, of: 20 })
    expect(found?.times).toBeCloseTo(1.9, 0)
  })
  it('usual days, and one large day, do not', () => {
    expect(compileDrip(others).surprise('a')?.nats ?? 0).toBeLessThan(4)
    const once = days('once', (day) => (day === 10 ? 2_500 : wave(day)))
    expect(compileDrip([...others, ...once]).surprise('once')?.nats ?? 0).toBeLessThan(10)
  })
  it('an agent that always took more is measured by itself', () => {
    expect(
      compileDrip([...others, ...days('large', (day) => wave(day) * 4)]).surprise('large')?.nats ?? 0,
    ).toBeLessThan(4)
  })
  it('seven days are too few to be judged', () => {
    const young = days('young', (day) => 500 * 2 ** day).slice(0, 7)
    expect(compileDrip([...others, ...young]).surprise('young')).toBeUndefined()
  })
})

it('does not depend on the order of rows and answers without any', () => {
  expect(compileDrip([]).surprise('a')).toBeUndefined()
  const rows = [...others, ...days('drip', (day) => wave(day) * (1 + day / 10))]
  fc.assert(
    fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
      expect(compileDrip(shuffled).surprise('drip')).toEqual(compileDrip(rows).surprise('drip'))
    }),
    { numRuns: 20 },
  )
})
