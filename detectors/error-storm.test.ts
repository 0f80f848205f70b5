import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './error-storm.ts'

/** nine sessions of ten without an error, the others with one */
const rows = ['session.errors', 'session.denied', 'session.failed-in-a-row'].flatMap((key) => [
  profileRow(key, '0', 90),
  profileRow(key, '5', 10),
])
const baseline = baselineOf({ volume: rows })
const replies = (...statuses: ('ok' | 'denied' | 'error')[]) =>
  run(
    detector,
    baseline,
    statuses.map((status) => toolEvent({ phase: 'response', result: { status } })),
  )

it('denial after denial is a signal that counts them', () => {
  const signals = replies('denied', 'denied', 'denied', 'denied', 'denied')
  expect(signals.at(-1)?.reasons.map(({ observed }) => observed)).toEqual(['5', '5', '5'])
  expect(signals.at(-1)?.strength).toBeGreaterThan(signals[0]?.strength ?? Number.POSITIVE_INFINITY)
})
it('a failure now and then is none', () => {
  expect(replies('error', 'ok', 'error', 'ok')).toEqual([])
})
it('the third failure is the edge', () => {
  expect(replies('error', 'error')).toEqual([])
  expect(replies('error', 'error', 'error')).toHaveLength(1)
})
it('a success ends a streak, and says nothing by itself', () => {
  const signals = replies('error', 'error', 'error', 'ok', 'error')
  expect(signals.at(-1)?.reasons.map(({ what }) => what)).toEqual(['calls that failed in the session'])
})
