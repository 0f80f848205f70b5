import { expect, it } from 'vitest'
import { logBucket } from '../src/baseline/histogram.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './slow-drip.ts'

const days = (agent: string, of: (day: number) => number) =>
  Array.from({ length: 20 }, (_, day) => profileRow(`records\u001f${agent}`, `${day}\u001f${logBucket(of(day))}`, 1))
const usual = (day: number): number => 100 + 10 * (day % 4)
const dripping = (times: number) =>
  baselineOf({ drip: [...days('other', usual), ...days('agent-1', (day) => usual(day) * (day < 10 ? 1 : times))] })

it('twice the usual for ten days is a signal that says how much and since when', () => {
  const [signal] = run(detector, dripping(2), [toolEvent()])
  expect(signal?.reasons[0]).toMatchObject({ what: 'records a day of agent agent-1' })
  expect(signal?.reasons[0]?.observed).toMatch(/^about 2\.\d times the usual on the last 10 of its 20 days$/)
})
it('the usual is none', () => {
  expect(run(detector, dripping(1), [toolEvent()])).toEqual([])
  expect(run(detector, dripping(2), [toolEvent({ agent: { id: 'other' } })])).toEqual([])
})
it('a third more is the edge: within what days differ by', () => {
  expect(run(detector, dripping(1.3), [toolEvent()])).toEqual([])
})
it('is said once a session', () => {
  expect(run(detector, dripping(2), [toolEvent(), toolEvent(), toolEvent()])).toHaveLength(1)
})
