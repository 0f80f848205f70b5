import { expect, it } from 'vitest'
import type { JudgedSession, Label } from '../../bench/eval/lib/agent-sets.ts'
import { figuresOf } from '../../bench/eval/lib/hijack-figures.ts'
import { trainWeights } from '../../bench/eval/lib/train-weights.ts'

/** Goal: training and figures say what the sessions show. Method: sessions whose truth is known. */
function session(label: Label['label'], surprises: readonly (readonly [string, number])[]): JudgedSession {
  const step = { eventId: 'e', risk: surprises.length / 4, contained: surprises.length > 0, alerted: false }
  return {
    label: { label, role: 'r', first_injected_event: label === 'hijacked' ? 'e' : null, seen_task: null },
    steps: [
      { ...step, surprises: new Map(surprises) },
      // What comes after the injected call is no reason to be believed before it.
      { ...step, eventId: 'later', contained: true, surprises: new Map([['unusual-volume', 12]]) },
    ],
  }
}
const many = (count: number, make: () => JudgedSession): JudgedSession[] => Array.from({ length: count }, make)

it('a detector that speaks in hijacked sessions weighs more than one that speaks in clean ones, never less than nothing', () => {
  const weights = trainWeights([
    ...many(50, () => session('hijacked', [['untrusted-destination', 9]])),
    ...many(50, () => session('benign', [['off-hours', 12]])),
  ])
  expect(weights['untrusted-destination']).toBe(1)
  expect(weights['off-hours']).toBeLessThan(0.25)
  expect(Math.min(...Object.values(weights))).toBeGreaterThanOrEqual(0)
})

it('a hijacked session counts as contained in time only up to its injected call', () => {
  const figures = figuresOf([session('hijacked', []), session('hijacked', [['off-hours', 9]]), session('benign', [])])
  expect(figures).toMatchObject({ hijacked_contained: 1, hijacked_at_or_before: 0.5, benign_contained: 1 })
})
