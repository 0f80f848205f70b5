import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-latency.ts'

/** bucket 27 is about 100, bucket 9 about 4 */
const baseline = baselineOf({
  latency: [profileRow('read_file', '27', 100)],
  volume: [profileRow('call.cpu\u001fread_file', '9', 100), profileRow('call.memory\u001fread_file', '27', 100)],
})
const reply = (durationMs: number, env = {}) =>
  run(detector, baseline, [toolEvent({ phase: 'response', result: { status: 'ok', duration_ms: durationMs }, env })])

it('a call that takes a hundred times as long is a signal', () => {
  expect(reply(10_000)[0]?.reasons[0]).toMatchObject({ what: 'duration of `read_file`', observed: '10000 ms' })
})
it('a hundred times the processor time or memory is a signal', () => {
  expect(reply(100, { cpu_pct: 400 })[0]?.reasons[0]?.what).toBe('processor use of `read_file`')
  expect(reply(100, { mem_mb: 10_000 })[0]?.reasons[0]?.what).toBe('memory of `read_file`')
})
it('the usual is none, and what is short stays none whatever the history', () => {
  expect(reply(100, { cpu_pct: 4, mem_mb: 100 })).toEqual([])
  expect(reply(900)).toEqual([])
})
it('a second is the edge', () => {
  expect(reply(999)).toEqual([])
  expect(reply(1_000)).toHaveLength(1)
})
