import fc from 'fast-check'
import { expect, it } from 'vitest'
import { plotOf } from '../../bench/eval/lib/plot.ts'
import { aucOf, rocOf, truePositivesAt } from '../../bench/eval/lib/roc.ts'

it('positives above all negatives have area one, all equal one half, below them zero', () => {
  expect(aucOf([1, 2], [3, 4])).toBe(1)
  expect(aucOf([1, 1], [1, 1, 1])).toBe(0.5)
  expect(aucOf([3, 4], [1, 2])).toBe(0)
  expect(aucOf([], [1])).toBeNaN()
})

it('the area is the share of pairs in which the positive is higher, ties counted half', () => {
  const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(scores, scores, (negatives, positives) => {
      const pairs = negatives.flatMap((n) => positives.map((p) => (p > n ? 1 : p === n ? 0.5 : 0)))
      const share = pairs.reduce((a: number, b) => a + b, 0) / pairs.length
      expect(aucOf(negatives, positives)).toBeCloseTo(share, 10)
    }),
  )
})

it('a threshold lets through no more negatives than its share', () => {
  const negatives = Array.from({ length: 100 }, (_, i) => i)
  expect(truePositivesAt(negatives, [98, 99, 100], 0.01)).toBeCloseTo(2 / 3)
  expect(truePositivesAt(negatives, [98, 99, 100], 0)).toBeCloseTo(1 / 3)
  expect(truePositivesAt(negatives, [98, 99, 100], 0.05)).toBe(1)
})

it('a plot draws every series and escapes what it is called', () => {
  const svg = plotOf('a < b', [
    { name: 'one & two', points: rocOf([1, 2], [2, 3]) },
    { name: 'three', points: [] },
  ])
  expect(svg).toContain('a &#60; b')
  expect(svg).toContain('one &#38; two')
  expect(svg).toContain('M60.0 460.0L60.0 260.0L260.0 60.0L460.0 60.0')
  expect(svg.trimEnd().endsWith('</svg>')).toBe(true)
})
