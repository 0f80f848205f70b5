import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import { fleetHistory } from '../src/testing/fleet.ts'
import detector from './credential-new-place.ts'

const from = (client_ip: string, country = 'DE', agent = 'clerk') =>
  toolEvent({ agent: { id: agent }, session: { id: `${agent}-${client_ip}`, client_ip }, env: { country } })
const history = fleetHistory([from('10.0.0.1'), from('10.0.1.9', 'DE', 'other')])
const strength = (...events: ReturnType<typeof from>[]) =>
  run(detector, baselineOf({}), events, history)[0]?.strength ?? 0

it('a new network is a signal, a new country a stronger one', () => {
  expect(strength(from('192.0.2.7'))).toBeGreaterThan(2)
  expect(strength(from('192.0.2.7', 'BR'))).toBeGreaterThan(strength(from('192.0.2.7')) + 3)
})

it('the usual network is none, by another lease too', () => {
  expect(strength(from('10.0.0.77'))).toBe(0)
})

it("a colleague's network is the edge: unusual, but no signal", () => {
  expect(strength(from('10.0.1.44'))).toBe(0)
})

it('an agent of whom nothing is known comes from nowhere new', () => {
  expect(strength(from('192.0.2.7', 'BR', 'newcomer'))).toBe(0)
})
