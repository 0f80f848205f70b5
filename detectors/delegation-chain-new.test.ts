import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import { fleetHistory } from '../src/testing/fleet.ts'
import detector from './delegation-chain-new.ts'

const by = (...ids: readonly string[]) =>
  toolEvent({
    agent: {
      id: 'clerk',
      chain: [{ id: 'ada', kind: 'user' as const }, ...ids.map((id) => ({ id, kind: 'agent' as const }))],
    },
  })
const history = fleetHistory([by('planner'), by('planner', 'broker')])
const observed = (...ids: readonly string[]) =>
  run(detector, baselineOf({}), [by(...ids)], history).flatMap(({ reasons }) =>
    reasons.map((reason) => reason.observed),
  )

it('a stranger in the chain is a signal that names it', () => {
  expect(observed('planner', 'ghost')).toEqual(['ghost never seen before'])
})

it('a chain that comes back to itself, or is much longer, is one', () => {
  expect(observed('planner', 'broker', 'planner')).toContain('comes back to itself')
  expect(observed('planner', 'broker', 'clerk', 'planner')).toContain('4 deep')
})

it('a known chain is none, and a new combination of known agents is the edge', () => {
  expect(observed('planner', 'broker')).toEqual([])
  expect(observed('broker')).toEqual([])
})
