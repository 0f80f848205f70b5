import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './new-surroundings.ts'

const passing = Array.from({ length: 90 }, (_, i) => profileRow('host', `pod-${i}`, 1))
const baseline = baselineOf({
  surroundings: [profileRow('region', 'eu-west-1', 96), profileRow('region', 'eu-west-2', 4), ...passing],
})
const from = (env: Record<string, string>) => run(detector, baseline, [toolEvent({ env })])

it('a region that the role never ran in is a signal', () => {
  const [signal] = from({ region: 'ap-south-1' })
  expect(signal?.strength).toBeGreaterThan(4)
  expect(signal?.reasons[0]).toMatchObject({ what: 'region', expected: 'usually eu-west-1' })
})
it('the usual region is none', () => {
  expect(from({ region: 'eu-west-1' })).toEqual([])
})
it('one session in twenty-five is the edge', () => {
  expect(from({ region: 'eu-west-2' })).toHaveLength(1)
})
it('an agent that is new to the role comes with its place', () => {
  const agents = baselineOf({
    surroundings: [profileRow('region', 'eu-west-1', 96), profileRow('agent', 'agent-1', 96)],
  })
  const from = (id: string) => run(detector, agents, [toolEvent({ agent: { id }, env: { region: 'ap-south-1' } })])
  expect(from('agent-1')).toHaveLength(1)
  expect(from('agent-9')).toEqual([])
})
it('one more host is no news where hosts come and go, and what the history never states is not judged', () => {
  expect(from({ host: 'pod-911' })).toEqual([])
  expect(from({ country: 'XX' })).toEqual([])
})
