import { expect, it } from 'vitest'
import { createRefExtractor } from '../src/accept/refs.ts'
import type { EventData } from '../src/model/index.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './new-tool-for-role.ts'

const baseline = baselineOf({ tools: [profileRow('files', 'read_file', 95), profileRow('files', 'delete_file', 1)] })
const refsOf = createRefExtractor({ key: 'test' })
const call = (name: string, data: Partial<EventData> = {}) => {
  const event = toolEvent({ ...data, tool: { name } })
  const full = { ...event.data, refs: refsOf(event.data) }
  return [{ ...event, data: full, cloud: { ...event.cloud, data: full } }]
}
const strength = (name: string, data?: Partial<EventData>): number =>
  run(detector, baseline, call(name, data))[0]?.strength ?? 0

it('a tool the role never used is a signal with its support', () => {
  const [signal] = run(detector, baseline, call('send_money'))
  expect(signal?.strength).toBeGreaterThan(5)
  expect(signal?.reasons[0]).toMatchObject({ observed: 'used in 0 of 100 sessions of role tester' })
})

it('the usual tool is none', () => {
  expect(run(detector, baseline, call('read_file'))).toEqual([])
})

it('weighs more with a side effect, and less when the task asks for it', () => {
  expect(strength('send_money')).toBeGreaterThan(strength('get_money'))
  expect(strength('send_money', { intent: { text: 'Send 10 dollars to Bob' } })).toBeLessThan(strength('send_money'))
})

it('says so when the task asks for nothing of the kind', () => {
  const [signal] = run(detector, baseline, call('send_money', { intent: { text: 'Summarise my notes' } }))
  expect(signal?.reasons.map((reason) => reason.what)).toContain('the task')
})

it('once in a hundred sessions is the edge', () => {
  expect(strength('delete_file')).toBeGreaterThan(3)
  expect(strength('delete_file')).toBeLessThan(strength('wipe_file'))
})
