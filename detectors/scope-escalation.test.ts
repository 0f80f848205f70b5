import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { authenticated, fleetHistory } from '../src/testing/fleet.ts'
import detector from './scope-escalation.ts'

const granted = (scopes: readonly string[], agent = 'clerk', outcome: 'success' | 'step_up_ok' = 'success') =>
  authenticated({ scopes, outcome }, { agent: { id: agent, role: 'clerks' } })
const history = fleetHistory([granted(['files:read']), granted(['files:read', 'files:write'], 'senior')])
const told = (event: ReturnType<typeof granted>) => run(detector, baselineOf({}), [event], history)

it('a powerful scope that nobody of the role has is a signal', () => {
  const [signal] = told(granted(['files:read', 'users:admin']))
  expect(signal?.reasons[0]).toMatchObject({ observed: 'users:admin' })
})

it('a scope to read is none, nor is one that a colleague has', () => {
  expect(told(granted(['files:read', 'mail:read']))).toEqual([])
  expect(told(granted(['files:read', 'files:write']))).toEqual([])
})

it('what a step-up gives is the edge: none', () => {
  expect(told(granted(['files:read', 'users:admin'], 'clerk', 'step_up_ok'))).toEqual([])
})
