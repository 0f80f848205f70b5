import { afterEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/dispatch/gateway.ts'
import type { Level, Order } from '../../src/model/index.ts'
import { order } from '../../src/testing/orders.ts'
import { APPLIED, Room, ScriptedGateway } from './room.ts'

const AWAY: Delivery = { kind: 'retry', why: 'no answer' }
const REFUSES: Delivery = { kind: 'refused', why: 'answered 500 times no' }

/** A gateway that carries out these levels only. */
function only(name: string, levels: readonly Level[], ...answers: readonly Delivery[]): ScriptedGateway {
  const gateway = new ScriptedGateway(name, ...answers)
  gateway.cannot = ({ level }) => (levels.includes(level) ? undefined : `no ${level} here`)
  return gateway
}

describe('the chain of gateways', () => {
  const rooms: Room[] = []
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.dispose()
  })
  const open = (...routes: readonly { readonly gateway: ScriptedGateway; readonly fallback?: boolean }[]) => {
    const room = new Room(routes).start()
    rooms.push(room)
    return room
  }
  const place = async (room: Room, over: Partial<Order>, until: 'acknowledged' | 'not-contained' = 'acknowledged') => {
    const one = order({ issuedMs: room.clock.now(), ...over })
    const seen = room.next(({ kind }) => kind === until)
    await room.desk.place([one])
    await seen
    return one
  }

  it('passes an order by those that cannot carry it out, without asking them', async () => {
    const [tools, people, last] = [
      only('tools', ['quarantine_tool'], APPLIED),
      only('people', ['suspend_session'], APPLIED),
      only('last', ['suspend_session'], APPLIED),
    ]
    const room = open({ gateway: tools }, { gateway: people, fallback: true }, { gateway: last, fallback: true })
    await place(room, { level: 'suspend_session' })
    expect([tools.calls.length, people.calls.length, last.calls.length]).toEqual([0, 1, 0])
    expect(room.failures()).toEqual([])
  })

  it('is a finding with the reasons where nobody can', async () => {
    const room = open(
      { gateway: only('tools', ['quarantine_tool'], APPLIED) },
      { gateway: only('people', [], APPLIED), fallback: true },
    )
    const one = await place(room, { level: 'restrict_read_only' }, 'not-contained')
    await room.desk.place([one])
    expect(room.failures()).toMatchObject([
      {
        kind: 'unsupported',
        lease: { order: { id: one.id } },
        why: 'tools: no restrict_read_only here; people: no restrict_read_only here',
      },
    ])
  })

  it('takes what nobody took to the next adapter before it gets more severe', async () => {
    const [first, next] = [new ScriptedGateway('first', REFUSES), new ScriptedGateway('next', APPLIED)]
    const room = open({ gateway: first }, { gateway: next, fallback: true })
    const one = await place(room, { level: 'require_step_up' })
    const told = (await room.posture.active('default', room.clock.now())).find(
      ({ order: { follows } }) => follows === one.id,
    )
    expect(told).toMatchObject({ order: { level: 'require_step_up' }, state: 'acknowledged' })
    expect(room.failures()[0]).toMatchObject({ kind: 'refused', gateway: 'first' })
  })

  it('tells an end by time to who cannot know of it, and tries until it is heard', async () => {
    const keeper = new ScriptedGateway('api', APPLIED, AWAY, AWAY, APPLIED)
    keeper.keepsUntilReleased = true
    const pep = new ScriptedGateway('pep', APPLIED)
    const room = open({ gateway: keeper }, { gateway: pep })
    const both = Promise.all(
      ['api', 'pep'].map((name) => room.next((seen) => seen.kind === 'acknowledged' && seen.gateway === name)),
    )
    const one = order({ issuedMs: room.clock.now(), expiresMs: room.clock.now() + 60_000 })
    await room.desk.place([one])
    await both
    room.clock.advance(60_000)
    const away = room.next((seen) => seen.kind === 'attempted' && seen.delivery.kind === 'retry')
    await room.desk.expire(room.clock.now())
    await away
    const again = room.next((seen) => seen.kind === 'attempted')
    await room.elapse(500)
    await again
    const heard = room.next((seen) => seen.kind === 'attempted' && seen.delivery.kind === 'acknowledged')
    await room.elapse(1_000)
    await heard
    expect(keeper.calls.map(({ change }) => change)).toEqual(['apply', 'release', 'release', 'release'])
    expect(pep.calls.map(({ change }) => change)).toEqual(['apply'])
  })

  it('says that somebody is still held when a release cannot be told, and goes on telling', async () => {
    const room = open({ gateway: new ScriptedGateway('gw', APPLIED, ...Array.from({ length: 9 }, () => AWAY)) })
    const one = await place(room, {})
    const first = room.next((seen) => seen.kind === 'attempted')
    await room.desk.release(one.id, 'ada', 'fine')
    await first
    for (const ms of [250, 500, 1_000, 2_000, 4_000]) {
      expect(room.failures()).toEqual([])
      const attempted = room.next((seen) => seen.kind === 'attempted')
      await room.elapse(ms)
      await attempted
    }
    await expect.poll(() => room.failures().length, { timeout: 30_000 }).toBe(1)
    expect(room.failures()).toMatchObject([{ kind: 'still_held', gateway: 'gw', why: 'not told yet: no answer' }])
  })

  it('says so at once when a gateway refuses the release', async () => {
    const room = open({ gateway: new ScriptedGateway('gw', APPLIED, REFUSES) })
    const one = await place(room, {})
    const told = room.next(({ kind }) => kind === 'not-contained')
    await room.desk.release(one.id, 'ada', 'fine')
    await told
    expect(room.failures()).toMatchObject([{ kind: 'still_held', why: expect.stringContaining('refused') }])
  })
})
