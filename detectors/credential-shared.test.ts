import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { authenticated, fleetHistory } from '../src/testing/fleet.ts'
import detector from './credential-shared.ts'

const KEY = 'aaaaaaaa'
const comes = (agent: string, ip: string, minute = 0, credential = KEY, country = 'DE') =>
  authenticated(
    { credential_sha256: credential },
    { agent: { id: agent }, session: { id: `${agent}-${minute}`, client_ip: ip }, env: { country } },
    { timeMs: T0_MS + minute * 60_000 },
  )
const history = fleetHistory([comes('clerk', '10.0.0.1'), comes('other', '10.0.0.2', 0, 'bbbbbbbb')])
const told = (...events: ReturnType<typeof comes>[]) => run(detector, baselineOf({}), events, history)

it("another agent with one agent's credential is a signal that names both", () => {
  const [signal] = told(comes('other', '10.0.0.2'))
  expect(signal?.reasons[0]).toMatchObject({ observed: 'used by other', expected: 'used by clerk only' })
})

it('its owner is none, nor is a new credential', () => {
  expect(told(comes('clerk', '10.0.0.1'), comes('other', '10.0.0.2', 1, 'cccccccc'))).toEqual([])
})

it('a credential that many share is none', () => {
  const shared = fleetHistory(['a', 'b', 'c'].map((agent) => comes(agent, '10.0.0.1')))
  expect(run(detector, baselineOf({}), [comes('d', '10.0.0.1')], shared)).toEqual([])
})

it('two countries within an hour are a signal; after an hour they are the edge', () => {
  expect(told(comes('clerk', '10.0.0.1'), comes('clerk', '198.51.100.7', 20, KEY, 'BR'))).toHaveLength(1)
  expect(told(comes('clerk', '10.0.0.1'), comes('clerk', '198.51.100.7', 61, KEY, 'BR'))).toEqual([])
})
