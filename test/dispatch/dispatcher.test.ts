import { afterEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../../src/dispatch/gateway.ts'
import type { Order } from '../../src/model/index.ts'
import { order } from '../../src/testing/orders.ts'
import { APPLIED, Room, ScriptedGateway } from './room.ts'

const BUSY: Delivery = { kind: 'retry', why: 'answered 503' }
const acknowledged = (status: 'unsupported' | 'not_found' | 'pending'): Delivery => ({ kind: 'acknowledged', status })

describe('dispatcher', () => {
  const rooms: Room[] = []
  afterEach(async () => {
    for (const room of rooms.splice(0)) await room.dispose()
  })

  const open = (...gateways: readonly ScriptedGateway[]): Room => {
    const room = new Room(gateways.map((gateway) => ({ gateway })))
    rooms.push(room)
    return room
  }
  const nowOrder = (room: Room, over: Partial<Order> = {}) => order({ issuedMs: room.clock.now(), ...over })
  const notContained = (room: Room) => room.next((seen) => seen.kind === 'not-contained')

  it('never delivers a monitor order, and records it', async () => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const room = open(gateway).start()
    const [watched, enforced] = [nowOrder(room, { mode: 'monitor' }), nowOrder(room)]
    const done = room.next((seen) => seen.kind === 'acknowledged')
    await room.desk.place([watched, enforced])
    await done
    expect(gateway.calls.map(({ id }) => id)).toEqual([enforced.id])
    expect(await room.posture.get(watched.id)).toMatchObject({ state: 'planned' })
  })

  it('tells every gateway of the tenant, and only those', async () => {
    const [ours, everyones, theirs] = ['ours', 'all', 'theirs'].map((name) => new ScriptedGateway(name, APPLIED))
    if (ours === undefined || everyones === undefined || theirs === undefined) throw new Error('unreachable')
    const room = new Room([
      { gateway: ours, tenant: 'acme' },
      { gateway: everyones },
      { gateway: theirs, tenant: 'other' },
    ]).start()
    rooms.push(room)
    const told = ['ours', 'all'].map((name) =>
      room.next((seen) => seen.kind === 'acknowledged' && seen.gateway === name),
    )
    await room.desk.place([nowOrder(room, { tenant: 'acme' })])
    await Promise.all(told)
    expect([ours.calls.length, everyones.calls.length, theirs.calls.length]).toEqual([1, 1, 0])
  })

  it.each([
    ['unsupported', acknowledged('unsupported'), 'unsupported'],
    ['not_found', acknowledged('not_found'), 'requested'],
    ['refused', { kind: 'refused', why: 'answered 422' } as const, 'refused'],
    ['gone', { kind: 'gone', why: 'answered 410' } as const, 'refused'],
  ])('says that a containment is not there when the gateway answers %s', async (kind, answer, state) => {
    const gateway = new ScriptedGateway('gw', answer)
    const room = open(gateway).start()
    const one = nowOrder(room)
    const told = notContained(room)
    await room.desk.place([one])
    await told
    expect(room.failures()).toMatchObject([{ kind, lease: { order: { id: one.id } } }])
    expect(await room.posture.get(one.id)).toMatchObject({ state })
    // PEPs that ask still obey: a gateway's no is not a release.
    const decision = await room.posture.decide({ tenant: 'default', session: one.target.id }, room.clock.now())
    expect(decision.action).toBe('suspend_session')
  })

  it('does not mind a gateway that does not know the session while another does', async () => {
    const room = open(new ScriptedGateway('a', acknowledged('not_found')), new ScriptedGateway('b', APPLIED)).start()
    const both = ['a', 'b'].map((name) => room.next((seen) => seen.kind === 'attempted' && seen.gateway === name))
    await room.desk.place([nowOrder(room)])
    await Promise.all(both)
    expect(room.failures()).toEqual([])
  })

  it('does not call an endpoint that is gone again, and says so for every order', async () => {
    const gateway = new ScriptedGateway('gw', { kind: 'gone', why: 'answered 410' })
    const room = open(gateway).start()
    for (const one of [nowOrder(room), nowOrder(room)]) {
      const told = notContained(room)
      await room.desk.place([one])
      await told
    }
    expect(gateway.calls).toHaveLength(1)
    expect(room.failures().map(({ kind }) => kind)).toEqual(['gone', 'gone'])
  })

  it('follows the schedule, honours a longer Retry-After, and gives up when the lease ends', async () => {
    const room = open(new ScriptedGateway('gw', BUSY, { ...BUSY, afterMs: 9_000 }, BUSY)).start()
    const one = nowOrder(room, { expiresMs: room.clock.now() + 10_000 })
    const attempt = () => room.next((seen) => seen.kind === 'attempted')
    const first = attempt()
    await room.desk.place([one])
    await first
    for (const delayMs of [250, 9_000]) {
      const next = attempt()
      await room.elapse(delayMs)
      await next
    }
    const told = notContained(room)
    await room.elapse(750)
    await told
    expect(room.failures()).toMatchObject([{ kind: 'ended', gateway: 'gw' }])
    expect(room.seen.filter((seen) => seen.kind === 'attempted')).toHaveLength(3)
  })

  it('waits for the acknowledgement of a pending order, and asks again when none comes', async () => {
    const gateway = new ScriptedGateway('gw', acknowledged('pending'), acknowledged('pending'))
    const room = open(gateway).start()
    const one = nowOrder(room)
    const first = room.next((seen) => seen.kind === 'attempted')
    await room.desk.place([one])
    await first
    const second = room.next((seen) => seen.kind === 'attempted')
    await room.elapse(30_000)
    await second
    expect(await room.posture.get(one.id)).toMatchObject({ state: 'delivered' })
    expect(await room.desk.acknowledge(one.id, { status: 'applied', by: 'gw' })).toMatchObject({
      state: 'acknowledged',
    })
    expect(room.seen.some((seen) => seen.kind === 'acknowledged')).toBe(true)
    await room.elapse(30_000)
    const other = nowOrder(room)
    const marker = room.next((seen) => seen.kind === 'attempted' && seen.id === other.id)
    await room.desk.place([other])
    await marker
    expect(gateway.calls.filter(({ id }) => id === one.id)).toHaveLength(2)
    expect(await room.desk.acknowledge('c-unknown', { status: 'applied', by: 'gw' })).toBeUndefined()
  })

  it('completes what a crash left between the lease and the queue', async () => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const room = open(gateway)
    const [held, freed, watched] = [nowOrder(room), nowOrder(room), nowOrder(room, { mode: 'monitor' })]
    for (const one of [held, freed, watched]) {
      const state = one.mode === 'monitor' ? ('planned' as const) : ('requested' as const)
      await room.posture.open({ order: one, revision: 1, state, updatedMs: room.clock.now() })
    }
    await room.posture.advance(freed.id, 'released', { atMs: room.clock.now() })
    await room.desk.reconcile()
    await room.desk.reconcile()
    const both = [held, freed].map(({ id }) => room.next((seen) => seen.kind === 'attempted' && seen.id === id))
    room.start()
    await Promise.all(both)
    expect(gateway.calls.map(({ change, revision }) => `${change} ${revision}`).sort()).toEqual([
      'apply 1',
      'release 2',
    ])
  })

  it('tells the history again how every containment stands, in case a crash kept it from being written', async () => {
    const room = open(new ScriptedGateway('gw', APPLIED))
    const one = nowOrder(room)
    await room.posture.open({ order: one, revision: 1, state: 'requested', updatedMs: room.clock.now() })
    await room.posture.advance(one.id, 'acknowledged', { atMs: room.clock.now() })
    await room.desk.reconcile()
    await room.stop()
    expect(room.recorded).toMatchObject([{ lease: { order: { id: one.id }, state: 'acknowledged' } }])
  })

  it('releases by id only, twice without harm, and says when there is nothing', async () => {
    const gateway = new ScriptedGateway('gw', APPLIED)
    const room = open(gateway).start()
    const [one, other] = [nowOrder(room), nowOrder(room)]
    await room.desk.place([one, { ...other, target: one.target }])
    const told = room.next(() => gateway.calls.some(({ change }) => change === 'release'))
    expect(await room.desk.release(one.id, 'ada', 'was fine')).toMatchObject({ state: 'released', revision: 2 })
    expect(await room.desk.release(one.id, 'bob', 'again')).toMatchObject({ state: 'released', releasedBy: 'ada' })
    expect(await room.desk.release('c-unknown', 'ada', 'x')).toBeUndefined()
    await told
    const decision = await room.posture.decide({ tenant: 'default', session: one.target.id }, room.clock.now())
    expect(decision.containmentId).toBe(other.id)
    expect(gateway.calls.filter(({ change }) => change === 'release')).toHaveLength(1)
  })
})
