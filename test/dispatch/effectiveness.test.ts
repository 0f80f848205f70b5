import { afterEach, describe, expect, it } from 'vitest'
import { nextRungFor } from '../../src/dispatch/escalation.ts'
import type { Delivery } from '../../src/dispatch/gateway.ts'
import { EffectivenessWatch } from '../../src/dispatch/watch.ts'
import type { Order } from '../../src/model/index.ts'
import { LEVELS } from '../../src/model/index.ts'
import { toolEvent } from '../../src/testing/events.ts'
import { order } from '../../src/testing/orders.ts'
import { APPLIED, Room, ScriptedGateway } from './room.ts'

const REFUSES: Delivery = { kind: 'acknowledged', status: 'unsupported' }

/** Goal: what the stream shows of a containment changes it: believed, disproved, gone further. */
describe('a containment that is watched', () => {
  const rooms: Room[] = []
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.dispose()
  })

  const open = (...gateways: readonly { gateway: ScriptedGateway; fallback?: boolean }[]) => {
    const room = new Room(gateways).start()
    rooms.push(room)
    const watch = new EffectivenessWatch({
      covering: (query) => room.posture.covering(query),
      recall: (id) => room.posture.recall(id),
      readOnlyTools: new Set(),
    })
    const see = (atMs: number, status: 'ok' | 'denied') =>
      room.desk.observed(
        watch.see([
          toolEvent(
            {
              phase: 'response',
              agent: { id: 'agent-1' },
              session: { id: 's1' },
              tool: { name: 'send_x' },
              result: { status },
            },
            { timeMs: atMs, receivedMs: atMs },
          ),
        ]),
      )
    return { room, see }
  }
  const place = async (room: Room, over: Partial<Order> = {}): Promise<Order> => {
    const target = { kind: 'session', id: 's1', agent: 'agent-1' } as const
    const one = order({ target, issuedMs: room.clock.now(), level: 'require_step_up', ...over })
    const told = room.next((seen) => seen.kind === 'acknowledged' || seen.kind === 'not-contained')
    await room.desk.place([one])
    await told
    return one
  }
  const leasesOf = async (room: Room) =>
    (await room.posture.active('default', room.clock.now())).map(({ order: { level }, state }) => `${level} ${state}`)

  it('is in effect once a call was refused, and says so once in its history', async () => {
    const { room, see } = open({ gateway: new ScriptedGateway('gw', APPLIED) })
    const one = await place(room)
    await see(room.clock.now() + 10, 'denied')
    await see(room.clock.now() + 20, 'denied')
    expect(await room.posture.get(one.id)).toMatchObject({ state: 'in_effect', detail: 'files/send_x was refused' })
    await room.stop()
    rooms.length = 0
    expect(room.recorded.map(({ lease }) => lease.state)).toEqual(['requested', 'acknowledged', 'in_effect'])
  })

  it('climbs rung by rung while calls still succeed, with one finding each, and stops at the top', async () => {
    const { room, see } = open({ gateway: new ScriptedGateway('gw', APPLIED) })
    await place(room)
    for (let rung = 0; rung < 4; rung++) {
      room.clock.advance(4_000)
      const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
      await see(room.clock.now(), 'ok')
      if (rung < 2) await acknowledged
    }
    expect(await leasesOf(room)).toEqual([
      'require_step_up ineffective',
      'restrict_read_only ineffective',
      'suspend_session ineffective',
    ])
    expect(room.failures().map(({ kind }) => kind)).toEqual(['ineffective', 'ineffective', 'ineffective'])
  })

  it('goes to the next adapter at the last rung, and people hear when there is none', async () => {
    const [deaf, admin] = [new ScriptedGateway('deaf', APPLIED), new ScriptedGateway('admin', APPLIED)]
    const { room, see } = open({ gateway: deaf }, { gateway: admin, fallback: true })
    const one = await place(room, { level: 'suspend_session' })
    expect(admin.calls).toEqual([])
    const told = room.next((seen) => seen.kind === 'acknowledged' && seen.gateway === 'admin')
    room.clock.advance(4_000)
    await see(room.clock.now(), 'ok')
    await told
    const [, further] = await room.posture.active('default', room.clock.now())
    expect(further?.order).toMatchObject({ level: 'suspend_session', follows: one.id, expiresMs: one.expiresMs })
    room.clock.advance(4_000)
    await see(room.clock.now(), 'ok')
    expect(await leasesOf(room)).toEqual(['suspend_session ineffective', 'suspend_session ineffective'])
    expect(room.failures().map(({ kind }) => kind)).toEqual(['ineffective', 'ineffective'])
  })

  it('takes the next rung when no gateway supports the first, and not while one has it', async () => {
    const supporting = new ScriptedGateway('one', REFUSES, APPLIED)
    const alone = open({ gateway: supporting })
    const acknowledged = alone.room.next((seen) => seen.kind === 'acknowledged')
    await place(alone.room)
    await acknowledged
    expect(await leasesOf(alone.room)).toEqual(['require_step_up unsupported', 'restrict_read_only acknowledged'])

    const both = open(
      { gateway: new ScriptedGateway('one', APPLIED) },
      { gateway: new ScriptedGateway('two', REFUSES) },
    )
    const failed = both.room.next((seen) => seen.kind === 'not-contained')
    const applied = both.room.next((seen) => seen.kind === 'acknowledged')
    await place(both.room)
    await Promise.all([failed, applied])
    expect(await leasesOf(both.room)).toEqual(['require_step_up acknowledged'])
  })

  it('is gone further by the next start when a crash came between', async () => {
    const { room } = open({ gateway: new ScriptedGateway('gw', APPLIED) })
    const one = await place(room)
    await room.posture.advance(one.id, 'ineffective', { atMs: room.clock.now(), detail: 'a call succeeded' })
    const acknowledged = room.next((seen) => seen.kind === 'acknowledged' && seen.id !== one.id)
    await room.desk.reconcile()
    await room.desk.reconcile()
    await acknowledged
    expect(await leasesOf(room)).toEqual(['require_step_up ineffective', 'restrict_read_only acknowledged'])
  })

  it('is told anew when it is renewed, and late words about its first term do not count', async () => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const { room } = open({ gateway })
    const one = await place(room)
    const told = room.next((seen) => seen.kind === 'acknowledged')
    const renewed = await room.desk.renew(one.id, 7_200_000, 'ada')
    expect(renewed).toMatchObject({ state: 'renewed', revision: 2, detail: 'renewed by ada' })
    await told
    expect(gateway.calls.map(({ revision }) => revision)).toEqual([1, 2])
    expect(await room.posture.get(one.id)).toMatchObject({ state: 'acknowledged', revision: 2 })
    expect(await room.desk.renew(one.id, 60_000, 'ada')).toMatchObject({ revision: 2 })
    const query = { tenant: 'default', session: 's1', agent: 'agent-1' }
    expect((await room.posture.decide(query, one.expiresMs + 1)).action).toBe('require_step_up')
  })

  it('waits for a person where it needs one: nobody is told, and nobody need obey', async () => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const { room } = open({ gateway })
    const target = { kind: 'session', id: 's1' } as const
    const one = order({ target, issuedMs: room.clock.now(), approval: 'protected role' })
    await room.desk.place([one])
    const query = { tenant: 'default', session: 's1' }
    expect((await room.posture.decide(query, room.clock.now())).action).toBe('allow')
    expect(await room.posture.changes(0, room.clock.now())).toEqual([])
    await room.desk.reconcile()
    expect(gateway.calls).toEqual([])
    const told = room.next((seen) => seen.kind === 'acknowledged')
    expect(await room.desk.approve(one.id, 'approved by ada')).toMatchObject({ state: 'requested', revision: 2 })
    await told
    expect((await room.posture.decide(query, room.clock.now())).action).toBe('suspend_session')
    expect(gateway.calls).toHaveLength(1)
  })

  it('has a next rung that can be aimed at its target', () => {
    const all = new Set(LEVELS)
    expect(nextRungFor({ kind: 'session', id: 's' }, 'restrict_read_only', all)).toBe('suspend_session')
    expect(nextRungFor({ kind: 'tool', id: 't' }, 'restrict_read_only', all)).toBe('quarantine_tool')
    expect(nextRungFor({ kind: 'tool', id: 't' }, 'quarantine_tool', all)).toBeUndefined()
    expect(nextRungFor({ kind: 'agent', id: 'a' }, 'suspend_session', all)).toBeUndefined()
    const few = new Set(['require_step_up', 'suspend_session'] as const)
    expect(nextRungFor({ kind: 'session', id: 's' }, 'require_step_up', few)).toBe('suspend_session')
  })
})
