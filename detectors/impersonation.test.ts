import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { authenticated, fleetHistory } from '../src/testing/fleet.ts'
import detector from './impersonation.ts'

const comes = (ip: string, credential: string, country = 'DE', framework = 'crew', agent = 'clerk') =>
  authenticated(
    { credential_sha256: credential },
    { agent: { id: agent, framework }, session: { id: ip, client_ip: ip }, env: { country } },
  )
const history = fleetHistory([comes('10.0.0.1', 'aaaaaaaa'), comes('10.0.9.1', 'bbbbbbbb', 'DE', 'crew', 'other')])
const told = (event: ReturnType<typeof comes>) => run(detector, baselineOf({}), [event], history)

it('a known name with another credential from elsewhere is a signal', () => {
  const [signal] = told(comes('203.0.113.5', 'cccccccc'))
  expect(signal?.reasons.map(({ what }) => what)).toEqual(['credential of clerk', 'network of clerk'])
})

it('another client from elsewhere, or another country, is one too', () => {
  expect(told(comes('203.0.113.5', 'aaaaaaaa', 'DE', 'curl'))).toHaveLength(1)
  expect(told(comes('203.0.113.5', 'aaaaaaaa', 'BR'))).toHaveLength(1)
})

it('a rotated credential is none, nor is a new office', () => {
  expect(told(comes('10.0.0.1', 'cccccccc'))).toEqual([])
  expect(told(comes('192.0.2.5', 'aaaaaaaa'))).toEqual([])
})

it("a colleague's network with a new credential is the edge: none", () => {
  expect(told(comes('10.0.9.7', 'cccccccc'))).toEqual([])
})
