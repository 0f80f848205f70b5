import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebhookGateway } from '../../src/dispatch/gateway/webhook.ts'
import { order } from '../../src/testing/orders.ts'
import { acknowledge, Receiver, respond, SECRET } from './receiver.ts'
import { Room } from './room.ts'

/** Goal: the whole room on real parts, SQLite and signed HTTP, from an order to a PEP that obeys and back. */
describe('an order on its way to a PEP', () => {
  const receiver = new Receiver()
  let room: Room
  let gateway: WebhookGateway
  beforeEach(async () => {
    receiver.received.length = 0
    receiver.answer = acknowledge('applied')
    await receiver.start()
    const now = () => room.clock.now()
    gateway = new WebhookGateway({ name: 'gw', url: receiver.url, secrets: [SECRET], allowPrivate: true }, now)
    room = new Room([{ gateway }]).start()
  })
  afterEach(async () => {
    await room.dispose()
    gateway.close()
    await receiver.stop()
  })

  const nowOrder = (over = {}) => order({ issuedMs: room.clock.now(), ...over })
  const decide = (session: string) => room.posture.decide({ tenant: 'default', session }, room.clock.now())

  it('suspends the session, tells the PEP once, and frees it again', async () => {
    const one = nowOrder()
    const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
    await room.desk.place([one])
    expect(await decide(one.target.id)).toEqual({
      action: 'suspend_session',
      containmentId: one.id,
      expiresMs: one.expiresMs,
    })
    await acknowledged
    await room.desk.place([one])
    const told = receiver.next(({ type }) => type === 'containment.release.v1')
    await room.desk.release(one.id, 'ada', 'was fine')
    expect((await told).data).toMatchObject({ containment_id: one.id, revision: 2 })
    expect((await decide(one.target.id)).action).toBe('allow')
    expect(receiver.received.map(({ type, data }) => `${type} ${data.revision}`)).toEqual([
      'containment.apply.v1 1',
      'containment.release.v1 2',
    ])
  })

  it('ignores an apply that comes after the release: redelivered, restarted or acknowledged late', async () => {
    const one = nowOrder()
    const first = room.next((seen) => seen.kind === 'acknowledged')
    await room.desk.place([one])
    await first
    const told = room.next((seen) => seen.kind === 'attempted')
    await room.desk.release(one.id, 'ada', 'was fine')
    await told
    await room.desk.place([one])
    expect(await room.desk.acknowledge(one.id, { status: 'applied', by: 'gw' })).toMatchObject({ state: 'released' })
    await room.desk.reconcile()
    const other = nowOrder()
    const marker = room.next((seen) => seen.kind === 'acknowledged' && seen.id === other.id)
    await room.desk.place([other])
    await marker
    expect(receiver.received.filter(({ data }) => data.containment_id === one.id)).toHaveLength(2)
    expect((await decide(one.target.id)).action).toBe('allow')
  })

  it('keeps trying while the PEP is down, and delivers when it is up, under one message id', async () => {
    await receiver.stop()
    const one = nowOrder()
    const failed = room.next((seen) => seen.kind === 'attempted')
    await room.desk.place([one])
    await failed
    const again = room.next((seen) => seen.kind === 'attempted')
    await room.elapse(250)
    await again
    expect((await decide(one.target.id)).action).toBe('suspend_session')
    receiver.answer = respond(503)
    await receiver.start()
    const busy = receiver.next()
    await room.elapse(500)
    const { headers } = await busy
    receiver.answer = acknowledge('applied')
    const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
    await room.elapse(1_000)
    await acknowledged
    expect(receiver.received.map((callback) => callback.headers['webhook-id'])).toEqual([
      headers['webhook-id'],
      headers['webhook-id'],
    ])
    expect(await room.posture.get(one.id)).toMatchObject({ state: 'acknowledged', revision: 1 })
    expect(room.seen.find((seen) => seen.kind === 'acknowledged')).toMatchObject({ latencyMs: 1_750 })
  })

  it('ends by itself: the decision, the lease and its history; nobody is called', async () => {
    const one = nowOrder({ expiresMs: room.clock.now() + 5_000 })
    const acknowledged = room.next((seen) => seen.kind === 'acknowledged')
    await room.desk.place([one])
    await acknowledged
    room.clock.advance(4_999)
    expect((await decide(one.target.id)).action).toBe('suspend_session')
    expect(await room.desk.expire(room.clock.now())).toBe(0)
    room.clock.advance(1)
    expect((await decide(one.target.id)).action).toBe('allow')
    expect(await room.desk.expire(room.clock.now())).toBe(1)
    await room.stop()
    expect(room.recorded.map(({ lease }) => lease.state)).toEqual(['requested', 'acknowledged', 'expired'])
    expect(receiver.received).toHaveLength(1)
    expect(room.failures()).toEqual([])
  })

  it('contains what a person names, and tells the PEP who it answers to', async () => {
    const target = { kind: 'agent', id: 'bot' } as const
    const request = { tenant: 'default', level: 'require_step_up', target, severity: 'high', leaseMs: 60_000 } as const
    const told = receiver.next()
    const lease = await room.desk.contain({ ...request, reason: 'on holiday', by: 'ada' })
    expect((await told).data).toMatchObject({ containment_id: lease.order.id, action: 'require_step_up', target })
    const decision = await room.posture.decide({ tenant: 'default', agent: 'bot' }, room.clock.now())
    expect(decision.action).toBe('require_step_up')
  })
})
