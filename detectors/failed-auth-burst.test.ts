import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { authenticated, fleetHistory } from '../src/testing/fleet.ts'
import detector from './failed-auth-burst.ts'

const failures = (count: number, everyMs = 1_000) =>
  Array.from({ length: count }, (_, i) => authenticated({ outcome: 'failure' }, {}, { timeMs: T0_MS + i * everyMs }))

it('seven failures within half an hour are a signal with what is usual', () => {
  const [signal] = run(detector, baselineOf({}), failures(7))
  expect(signal?.reasons[0]).toMatchObject({ observed: '7', expected: "at most 0 in the tenant's history" })
})

it('six are the edge: none; nor are many over a day', () => {
  expect(run(detector, baselineOf({}), failures(6))).toEqual([])
  expect(run(detector, baselineOf({}), failures(40, 600_000))).toEqual([])
})

it('a tenant that has bursts is measured by its own', () => {
  const history = fleetHistory(failures(10))
  expect(run(detector, baselineOf({}), failures(20), history)).toEqual([])
  expect(run(detector, baselineOf({}), failures(21), history)).toHaveLength(1)
})
