import { describe, expect, it } from 'vitest'
import { toolEvent } from '../testing/events.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { Census, DistinctCount } from './census.ts'

const HOUR_MS = 3_600_000

describe('census', () => {
  const seen = (session: string, agent = 'a', tenant = 'default') =>
    toolEvent({ agent: { id: agent, role: 'clerk' }, session: { id: session } }, { tenant })

  it('counts distinct sessions, agents and tools per tenant', () => {
    const census = new Census(new ManualClock().now)
    census.see([seen('s1'), seen('s1'), seen('s2'), seen('s2', 'b'), seen('s9', 'z', 'other')])
    expect(census.live('default')).toEqual({ sessions: 3, agents: 2, tools: 1 })
    expect(census.live('other')).toEqual({ sessions: 1, agents: 1, tools: 1 })
    expect(census.live('nobody')).toEqual({ sessions: 0, agents: 0, tools: 0 })
    expect([census.roleOf('default', 'b'), census.roleOf('other', 'b')]).toEqual(['clerk', undefined])
  })

  it('forgets after one to two hours, and what it was seeded with after the hour', () => {
    const clock = new ManualClock(Math.floor(Date.now() / HOUR_MS) * HOUR_MS)
    const census = new Census(clock.now)
    census.seed('default', { sessions: 500, agents: 50, tools: 5 })
    census.see([seen('s1')])
    expect(census.live('default').sessions).toBe(500)
    clock.advance(HOUR_MS)
    expect(census.live('default').sessions).toBe(1)
    clock.advance(HOUR_MS)
    expect(census.live('default').sessions).toBe(0)
  })

  it.each([10, 1_000, 50_000])('counts %i distinct values to within two per cent', (distinct) => {
    const count = new DistinctCount()
    for (let at = 0; at < distinct; at++) count.add(`session-${at}`)
    const estimate = count.together(new DistinctCount())
    expect(Math.abs(estimate - distinct)).toBeLessThanOrEqual(Math.max(0, distinct * 0.02))
  })
})
