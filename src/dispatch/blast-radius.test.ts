import { describe, expect, it } from 'vitest'
import type { Order, Target } from '../model/index.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { order } from '../testing/orders.ts'
import { type BlastPolicy, BlastRadius, type OverBudget } from './blast-radius.ts'
import { advanced, leaseOf } from './lease.ts'

const HOUR_MS = 3_600_000

describe('blast radius', () => {
  const open = (over: Partial<BlastPolicy> = {}, live = { sessions: 100, agents: 40, tools: 10 }) => {
    const clock = new ManualClock()
    const told: OverBudget[] = []
    const policy: BlastPolicy = {
      share: { sessions: 0.05, agents: 0.1, tools: 0.2 },
      floor: { sessions: 2, agents: 2, tools: 1 },
      redundantPairs: [],
      coolDownMs: 600_000,
      ...over,
    }
    const radius = new BlastRadius({ policy, live: () => live, now: clock.now, overBudget: (one) => told.push(one) })
    const admitted = (target: Target, more: Partial<Order> = {}) => {
      const one = order({ target, issuedMs: clock.now(), ...more })
      return { one, approval: radius.admit(one).approval }
    }
    return { clock, told, radius, admitted }
  }
  const session = (at: number, agent = `a${at}`): Target => ({ kind: 'session', id: `s${at}`, agent })

  it('lets no more pass than the budget, whatever asks, and says so once an hour', () => {
    const { admitted, told, clock } = open()
    const outcomes = Array.from({ length: 50 }, (_, at) => admitted(session(at, 'a')).approval)
    expect(outcomes.filter((approval) => approval === undefined)).toHaveLength(5)
    expect(outcomes[5]).toBe('blast radius: 5 of 100 live sessions were contained within an hour, 5 may be')
    expect(told).toEqual([
      { tenant: 'default', kind: 'sessions', contained: 5, allowed: 5, live: 100, atMs: clock.now() },
    ])
    clock.advance(HOUR_MS)
    expect(admitted(session(99, 'a')).approval).toBeUndefined()
  })

  it('counts agents and tools by their own share, and per tenant', () => {
    const { admitted } = open()
    for (let at = 0; at < 4; at++) expect(admitted(session(at)).approval).toBeUndefined()
    expect(admitted(session(4)).approval).toContain('live agents')
    expect(admitted(session(5, 'a0')).approval).toBeUndefined()
    expect(admitted(session(4), { tenant: 'other' }).approval).toBeUndefined()
    const tool = (name: string): Target => ({ kind: 'tool', id: `files/${name}` })
    expect(['x', 'y', 'x', 'z'].map((name) => admitted(tool(name)).approval !== undefined)).toEqual([
      false,
      false,
      false,
      true,
    ])
  })

  it('leaves a small fleet its floor', () => {
    const { admitted } = open({}, { sessions: 3, agents: 3, tools: 1 })
    expect([0, 1, 2].map((at) => admitted(session(at)).approval !== undefined)).toEqual([false, false, true])
  })

  it('counts what others ordered, and not what people did', () => {
    const { admitted, radius, clock } = open()
    const tell = (at: number, more: Partial<Order>) => {
      const lease = leaseOf(order({ target: session(at, 'a'), issuedMs: clock.now(), ...more }), clock.now())
      radius.note({ revision: at, change: 'apply', lease })
    }
    for (let at = 0; at < 3; at++) tell(at, {})
    for (let at = 10; at < 20; at++) tell(at, { cause: 'operator' })
    expect([30, 31, 32].map((at) => admitted(session(at, 'a')).approval !== undefined)).toEqual([false, false, true])
  })

  it('never takes both of a redundant pair', () => {
    const { admitted, radius, clock } = open({ redundantPairs: [['payer-1', 'payer-2']] })
    const first = admitted({ kind: 'session', id: 's1', agent: 'payer-1' })
    expect(first.approval).toBeUndefined()
    const second = () => admitted({ kind: 'agent', id: 'payer-2' }).approval
    expect(second()).toBe('payer-1 is contained, and payer-2 is what stands in for it')
    const lease = advanced(leaseOf(first.one, clock.now()), 'released', { atMs: clock.now() })
    radius.note({ revision: 1, change: 'release', lease })
    expect(second()).toBeUndefined()
  })

  it('lets a target that a person released cool down', () => {
    const { admitted, radius, clock } = open()
    const { one } = admitted(session(1))
    const lease = advanced(leaseOf(one, clock.now()), 'released', { atMs: clock.now(), by: 'ada' })
    radius.note({ revision: 1, change: 'release', lease })
    expect(admitted(session(1)).approval).toContain('ada released this session a moment ago')
    expect(admitted(session(2)).approval).toBeUndefined()
    clock.advance(600_000)
    expect(admitted(session(1)).approval).toBeUndefined()
  })

  it('leaves monitor orders and what needs a person anyway as they are', () => {
    const { admitted } = open({
      share: { sessions: 0, agents: 0, tools: 0 },
      floor: { sessions: 0, agents: 0, tools: 0 },
    })
    expect(admitted(session(1), { mode: 'monitor' }).approval).toBeUndefined()
    expect(admitted(session(1), { approval: 'protected' }).approval).toBe('protected')
    expect(admitted(session(1)).approval).toContain('blast radius')
  })
})
