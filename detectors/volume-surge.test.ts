import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './volume-surge.ts'

/** Bucket 5 is one record, bucket 14 about ten, bucket 18 about twenty; session.calls at most about ten. */
const baseline = baselineOf({
  volume: [
    profileRow('call.records\u001fget', '5', 90),
    profileRow('call.records\u001flist', '5', 50),
    profileRow('call.records\u001flist', '18', 40),
    profileRow('call.records\u001frare', '5', 9),
    profileRow('session.calls', '14', 90),
  ],
})
const reply = (tool: string, records: number) =>
  run(detector, baseline, [toolEvent({ phase: 'response', tool: { name: tool }, result: { status: 'ok', records } })])

it('500 records instead of one is a signal', () => {
  const [signal] = reply('get', 500)
  expect(signal?.reasons[0]).toMatchObject({ what: 'records from one call of `get`', observed: '500' })
})

it('what is usual is none', () => {
  expect(reply('get', 1)).toEqual([])
  expect(reply('list', 20)).toEqual([])
})

it('the more a tool varies the more it takes: the edge', () => {
  expect(reply('get', 49)).toEqual([])
  expect(reply('list', 150)).toEqual([])
  expect(reply('list', 1_000)).toHaveLength(1)
  expect(reply('rare', 500)).toEqual([])
})

it('many small calls add up', () => {
  const calls = Array.from({ length: 80 }, () => toolEvent({ tool: { name: 'get' } }))
  expect(run(detector, baseline, calls)[0]?.reasons[0]?.what).toBe('calls in the session')
  expect(run(detector, baseline, calls.slice(0, 30))).toEqual([])
})
