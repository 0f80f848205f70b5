import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { authenticated } from '../src/testing/fleet.ts'
import detector from './auth-spraying.ts'

const tried = (agents: number, ip: (i: number) => string) =>
  Array.from({ length: agents }, (_, i) =>
    authenticated(
      { outcome: 'failure' },
      { agent: { id: `agent-${i}` }, session: { id: `s-${i}`, client_ip: ip(i) } },
      { timeMs: T0_MS + i * 1_000 },
    ),
  )

it('one address that fails for five agents is a signal that names it', () => {
  const [signal] = run(
    detector,
    baselineOf({}),
    tried(5, () => '203.0.113.9'),
  )
  expect(signal?.reasons[0]).toMatchObject({ what: 'agents failing from 203.0.113.9', observed: '5 within 30 minutes' })
})

it('four are the edge: none; nor are five that fail at home', () => {
  expect(
    run(
      detector,
      baselineOf({}),
      tried(4, () => '203.0.113.9'),
    ),
  ).toEqual([])
  expect(
    run(
      detector,
      baselineOf({}),
      tried(5, (i) => `10.0.${i}.1`),
    ),
  ).toEqual([])
})

it('many agents of a tenant that fail at a time are a signal, wherever they are', () => {
  expect(
    run(
      detector,
      baselineOf({}),
      tried(12, (i) => `10.0.${i}.1`),
    ),
  ).toHaveLength(1)
})
