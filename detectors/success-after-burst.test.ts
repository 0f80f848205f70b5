import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { authenticated } from '../src/testing/fleet.ts'
import detector from './success-after-burst.ts'

const tries = (failures: number, minutesLater = 1, agent = 'agent-1') => [
  ...Array.from({ length: failures }, (_, i) => authenticated({ outcome: 'failure' }, {}, { timeMs: T0_MS + i })),
  authenticated({}, { agent: { id: agent } }, { timeMs: T0_MS + minutesLater * 60_000 }),
]

it('a success after five failures is a signal', () => {
  const [signal] = run(detector, baselineOf({}), tries(5))
  expect(signal?.reasons[0]?.observed).toBe('success after 5 failures within 30 minutes')
})

it('after four is the edge: none', () => {
  expect(run(detector, baselineOf({}), tries(4))).toEqual([])
})

it('the next hour, and for someone else, it is none', () => {
  expect(run(detector, baselineOf({}), tries(9, 60))).toEqual([])
  expect(run(detector, baselineOf({}), tries(9, 1, 'agent-2'))).toEqual([])
})
