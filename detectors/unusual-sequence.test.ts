import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-sequence.ts'

const baseline = baselineOf({
  sequence: [
    profileRow('', 'tools/call:read_file', 100),
    profileRow('', 'tools/call:send_money', 4),
    profileRow('^', 'tools/call:read_file', 100),
    profileRow('tools/call:read_file', 'tools/call:read_file', 96),
    profileRow('tools/call:read_file', 'tools/call:send_money', 4),
  ],
})
const calls = (...names: string[]) => names.map((name, i) => toolEvent({ call_id: `c${i}`, tool: { name } }))

it('a step the role never takes is a signal that says so', () => {
  const [signal] = run(detector, baseline, calls('read_file', 'wipe_disk'))
  expect(signal?.strength).toBeGreaterThan(4)
  expect(signal?.reasons[0]).toMatchObject({
    what: '`tools/call:wipe_disk` after `tools/call:read_file`',
    observed: 'seen in 0 of 100 sessions of role tester',
  })
})

it('a step the role usually takes is none', () => {
  expect(run(detector, baseline, calls('read_file', 'read_file'))).toEqual([])
})

it('a step taken four times in a hundred lies at the edge', () => {
  expect(run(detector, baseline, calls('read_file', 'send_money'))).toHaveLength(1)
  const often = baselineOf({
    sequence: [
      profileRow('', 'tools/call:send_money', 50),
      profileRow('', 'tools/call:read_file', 50),
      profileRow('^', 'tools/call:read_file', 50),
    ],
  })
  expect(run(detector, often, calls('read_file', 'send_money'))).toEqual([])
})

it('the response of a call is not a second step', () => {
  const [request] = calls('wipe_disk')
  const response = toolEvent({ call_id: 'c0', phase: 'response', tool: { name: 'wipe_disk' } })
  expect(run(detector, baseline, request ? [request, response] : [])).toHaveLength(1)
})
