import { afterEach, describe, expect, it } from 'vitest'
import { judgeClock } from '../../src/accept/time.ts'
import { BlastRadius } from '../../src/dispatch/blast-radius.ts'
import { Census } from '../../src/dispatch/census.ts'
import { advanced } from '../../src/dispatch/lease.ts'
import { DEFAULT_LEASE_MS, type PlanPolicy, plan } from '../../src/dispatch/plan.ts'
import { EffectivenessWatch } from '../../src/dispatch/watch.ts'
import { LEVELS } from '../../src/model/index.ts'
import { cloudEvent, toolEvent } from '../../src/testing/events.ts'
import { findingOf, judgedEvent } from '../../src/testing/judged.ts'
import { lease } from '../../src/testing/orders.ts'
import { Room } from './room.ts'

const POLICY: PlanPolicy = {
  mode: 'enforce',
  leaseMs: DEFAULT_LEASE_MS,
  allowed: new Set(LEVELS),
  rules: [],
  protected: { roles: new Set(), agents: new Set(), tools: new Set() },
}

/** Goal: a rule that matches everything contains no more than the budget, however large the fleet. */
describe('a rule that matches everything, in enforce mode', () => {
  const rooms: Room[] = []
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.dispose()
  })

  it.each([
    { sessions: 10, agents: 10, allowed: 20 },
    { sessions: 100, agents: 100, allowed: 20 },
    { sessions: 1_000, agents: 1_000, allowed: 200 },
    { sessions: 2_000, agents: 40, allowed: 400 },
  ])('$sessions sessions of $agents agents', async ({ sessions, agents, allowed }) => {
    const now = () => Date.now()
    const census = new Census(now)
    const policy = {
      share: { sessions: 0.2, agents: 1, tools: 0.2 },
      floor: { sessions: 20, agents: 20, tools: 5 },
      redundantPairs: [],
      coolDownMs: 600_000,
    }
    const told: string[] = []
    const overBudget = ({ kind }: { readonly kind: string }) => told.push(kind)
    const guard = new BlastRadius({ policy, live: (tenant) => census.live(tenant), now, overBudget })
    const room = new Room([], { guard })
    rooms.push(room)
    const events = Array.from({ length: sessions }, (_, at) =>
      toolEvent(
        { agent: { id: `agent-${at % agents}` }, session: { id: `s${at}` } },
        { timeMs: Date.now(), receivedMs: Date.now() },
      ),
    )
    census.see(events)
    const orders = events.flatMap((event) => {
      const finding = { ...findingOf(judgedEvent(event)), session: event.data.session.id, atMs: event.timeMs }
      const { tenant, data, timeMs: eventMs, source, id, receivedMs } = event
      const evidence = { source, id, callId: data.call_id, receivedMs }
      const input = { tenant, agent: data.agent.id, role: 'tester', session: data.session.id, effect: 'read' } as const
      return plan({ ...input, finding, risk: 1, level: 'suspend_session', eventMs, evidence }, POLICY)
    })
    expect(orders).toHaveLength(sessions)
    for (let from = 0; from < orders.length; from += 500) await room.desk.place(orders.slice(from, from + 500))
    const active = await room.posture.active('default', room.clock.now())
    const contained = active.filter(({ state }) => state === 'requested').length
    const waiting = active.filter(({ state }) => state === 'awaiting_approval').length
    console.log(`${sessions} live sessions: ${contained} contained, ${waiting} await approval, ${told.length} finding`)
    // The census counts to within two per cent.
    expect(contained).toBeLessThanOrEqual(Math.min(sessions, Math.ceil(allowed * 1.02)))
    expect(contained).toBeGreaterThanOrEqual(Math.min(sessions, Math.floor(allowed * 0.98)))
    expect(contained + waiting).toBe(sessions)
    expect(told).toEqual(waiting > 0 ? ['sessions'] : [])
  })
})

/** Goal: a PEP whose clock is ten minutes off neither hides a breach nor causes a false one. */
describe('a clock that is ten minutes off', () => {
  const TEN_MINUTES_MS = 600_000
  const ackMs = Date.now()
  const held = advanced(
    lease({ target: { kind: 'session', id: 's1', agent: 'agent-1' }, issuedMs: ackMs - 100 }),
    'acknowledged',
    { atMs: ackMs },
  )
  const see = (receivedMs: number, skewMs: number) => {
    const { timeMs } = judgeClock(receivedMs + skewMs, receivedMs)
    const cloud = cloudEvent({ phase: 'response', session: { id: 's1' } })
    const watch = new EffectivenessWatch({ covering: () => [held], recall: () => undefined, readOnlyTools: new Set() })
    return watch.see([toolEvent(cloud.data as Parameters<typeof toolEvent>[0], { timeMs, receivedMs })])
  }

  it('ahead: finds the breach, and blames nothing from before the acknowledgement', () => {
    expect(see(ackMs + 3_001, TEN_MINUTES_MS)).toMatchObject([{ state: 'ineffective' }])
    expect(see(ackMs - 1, TEN_MINUTES_MS)).toEqual([])
  })

  it('behind: finds the breach as late as the clock is, and blames nothing before', () => {
    expect(see(ackMs + 3_001, -TEN_MINUTES_MS)).toEqual([])
    expect(see(ackMs + TEN_MINUTES_MS + 3_001, -TEN_MINUTES_MS)).toMatchObject([{ state: 'ineffective' }])
  })
})
