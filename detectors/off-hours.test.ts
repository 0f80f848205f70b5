import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS, toolEvent } from '../src/testing/events.ts'
import detector from './off-hours.ts'

/** Ten in the morning in Berlin, Monday to Friday. */
const baseline = baselineOf({
  hours: [0, 1, 2, 3, 4].map((day) => profileRow('half-hour', String(T0_MS / 1_800_000 + day * 48), 20)),
})
const atHour = (hours: number) => [toolEvent({}, { timeMs: T0_MS + hours * 3_600_000 })]

it('three in the morning is a signal that names the hour', () => {
  const [signal] = run(detector, baseline, atHour(17))
  expect(signal?.strength).toBeGreaterThan(4)
  expect(signal?.reasons[0]).toMatchObject({ observed: 'Tuesday 03:00 Europe/Berlin' })
  expect(signal?.reasons[0]?.expected).toContain('0 of 100 sessions')
})

it('the usual hour is none', () => {
  expect(run(detector, baseline, atHour(24))).toEqual([])
})

it('the hour before the usual one is the edge: unusual, but no signal', () => {
  expect(run(detector, baseline, atHour(-1))).toEqual([])
})

it('a role without history has no off hours', () => {
  expect(run(detector, baselineOf({}), atHour(17))).toEqual([])
})
