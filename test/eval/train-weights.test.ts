import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { JudgedSession, Label } from '../../bench/eval/lib/agent-sets.ts'
import { figuresOf } from '../../bench/eval/lib/hijack-figures.ts'
import { knownDetectors } from '../../bench/eval/lib/labelled-sets.ts'
import { trainWeights } from '../../bench/eval/lib/train-weights.ts'
import { PRIOR } from '../../bench/eval/lib/weight-priors.ts'
import { weightsFile } from '../../bench/eval/lib/weights-file.ts'
import { WEIGHTS } from '../../src/detect/weights.ts'

/** Goal: training and figures say what the sessions show. Method: sessions whose truth is known. */
function session(label: Label['label'], surprises: readonly (readonly [string, number])[]): JudgedSession {
  const step = { eventId: 'e', risk: surprises.length / 4, contained: surprises.length > 0, alerted: false }
  return {
    label: { label, role: 'r', first_injected_event: label === 'hijacked' ? 'e' : null, seen_task: null },
    steps: [
      { ...step, surprises: new Map(surprises) },
      // What comes after the injected call is no reason to be believed before it.
      { ...step, eventId: 'later', contained: true, surprises: label === 'hijacked' ? LATER : NONE },
    ],
  }
}
const NONE: ReadonlyMap<string, number> = new Map()
const LATER: ReadonlyMap<string, number> = new Map([['off-hours', 12]])
const many = (count: number, make: () => JudgedSession): JudgedSession[] => Array.from({ length: count }, make)

const IDS = Object.keys(PRIOR.detectors)

it('a detector that speaks in hijacked sessions weighs more than one that speaks in clean ones, never less than nothing', () => {
  const sessions = [
    ...many(50, () => session('hijacked', [['unusual-volume', 9]])),
    ...many(50, () => session('benign', [['off-hours', 12]])),
  ]
  const { detectors } = trainWeights([sessions], IDS)
  const expected = (id: string): number => PRIOR.detectors[id] ?? 0
  expect(detectors['unusual-volume']).toBeGreaterThan(expected('unusual-volume'))
  expect(detectors['off-hours']).toBeLessThan(expected('off-hours'))
  expect(Math.min(...Object.values(detectors))).toBe(0)
  expect(Math.max(...Object.values(detectors))).toBe(1)
})

it('a session that made the injected call and counts as resisted teaches nothing', () => {
  const sessions = [
    ...many(50, () => session('hijacked', [['off-hours', 9]])),
    ...many(50, () => session('benign', [])),
  ]
  const [called] = many(1, () => session('attacked_not_hijacked', [['off-hours', 9]]))
  if (called === undefined) throw new Error('no session')
  const resisted = { ...called, label: { ...called.label, first_injected_event: 'e' } }
  expect(trainWeights([[...sessions, resisted]], IDS)).toEqual(trainWeights([sessions], IDS))
})

it('the shipped weights are a file as the training writes it, of detectors that exist, each 0 to 1', async () => {
  const shipped = readFileSync(new URL('../../src/detect/weights.ts', import.meta.url), 'utf8')
  expect(shipped).toBe(weightsFile(WEIGHTS))
  const { ids } = await knownDetectors()
  expect(ids).toEqual(expect.arrayContaining(Object.keys(WEIGHTS.detectors)))
  for (const weight of Object.values(WEIGHTS.detectors)) {
    expect(weight).toBeGreaterThanOrEqual(0)
    expect(weight).toBeLessThanOrEqual(1)
  }
})

it('a hijacked session counts as contained in time only up to its injected call', () => {
  const figures = figuresOf([session('hijacked', []), session('hijacked', [['off-hours', 9]]), session('benign', [])])
  expect(figures).toMatchObject({ hijacked_contained: 1, hijacked_at_or_before: 0.5, benign_contained: 1 })
})
