import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-volume.ts'

const RECORDS = 'call.records\u001fquery'
/** bucket 5 is one record, bucket 14 about ten */
const baseline = baselineOf({ volume: [profileRow(RECORDS, '5', 80), profileRow(RECORDS, '14', 20)] })
const reply = (records?: number) =>
  toolEvent({ phase: 'response', tool: { name: 'query' }, result: records === undefined ? {} : { records } })

it('500 records where one is usual is a signal with what is usual', () => {
  const [signal] = run(detector, baseline, [reply(500)])
  expect(signal?.strength).toBeGreaterThan(8)
  expect(signal?.reasons[0]).toMatchObject({ what: 'records from one call of `query`', observed: '500' })
  expect(signal?.reasons[0]?.expected).toMatch(/^about 1, at most \d+ for role tester$/)
})

it('what the role usually takes is none, and more is a stronger one', () => {
  expect(run(detector, baseline, [reply(1)])).toEqual([])
  const [some] = run(detector, baseline, [reply(50)])
  const [many] = run(detector, baseline, [reply(50_000)])
  expect(many?.strength).toBeGreaterThan(some?.strength ?? Number.POSITIVE_INFINITY)
})

it('what is not stated, and a tool without history, is not judged', () => {
  expect(run(detector, baseline, [reply()])).toEqual([])
  expect(run(detector, baselineOf({}), [reply(500)])).toEqual([])
})
