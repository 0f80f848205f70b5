import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS, toolEvent } from '../src/testing/events.ts'
import detector from './pep-silent.ts'

const MINUTE_MS = 60_000
const from = (source: string, minute: number, op = 'tools/call') =>
  toolEvent({ op, session: { id: source } }, { source, timeMs: T0_MS + minute * MINUTE_MS })
/** Both speak for an hour, then only one of them. */
const stream = (op: string, silentMinutes: number) => [
  ...Array.from({ length: 120 }, (_, i) => [from('gw-1', i / 2, op), from('gw-2', i / 2)]).flat(),
  ...Array.from({ length: silentMinutes }, (_, i) => from('gw-2', 60 + i)),
]

it('heartbeats that stop are told within minutes, once', () => {
  const [signal, ...more] = run(detector, baselineOf({}), stream('heartbeat', 30))
  expect(signal?.reasons[0]).toMatchObject({ what: 'PEP gw-1', expected: 'at most 3 minutes' })
  expect(more).toEqual([])
})

it('a PEP without heartbeats is given an hour: the edge', () => {
  expect(run(detector, baselineOf({}), stream('tools/call', 60))).toEqual([])
  expect(run(detector, baselineOf({}), stream('tools/call', 63))).toHaveLength(1)
})

it('a night in which all are silent is none', () => {
  const night = [...stream('heartbeat', 0), from('gw-2', 600), from('gw-1', 600, 'heartbeat'), from('gw-2', 601)]
  expect(run(detector, baselineOf({}), night)).toEqual([])
})

it('days between history and the first event are none, whoever speaks first', () => {
  const days = [...stream('tools/call', 0), from('gw-2', 60 + 14 * 1_440), from('gw-2', 70 + 14 * 1_440)]
  expect(run(detector, baselineOf({}), days)).toEqual([])
})
