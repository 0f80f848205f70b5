import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { RedisApprovals } from '../../src/dispatch/approvals/redis.ts'
import { systemClock } from '../../src/dispatch/clock.ts'
import { WebhookGateway } from '../../src/dispatch/gateway/webhook.ts'
import { History } from '../../src/dispatch/history.ts'
import type { DispatchObserver } from '../../src/dispatch/observer.ts'
import { openOffice } from '../../src/dispatch/office.ts'
import { REDIS_POSTURE_DEFAULTS, RedisPosture } from '../../src/dispatch/posture/redis.ts'
import { BULLMQ_DEFAULTS, BullmqQueue } from '../../src/dispatch/queue/bullmq.ts'
import { Routes } from '../../src/dispatch/routes.ts'
import { LEVELS, type Order } from '../../src/model/index.ts'
import { order } from '../../src/testing/orders.ts'
import { ownRedisServer, redisServer } from '../services/redis.ts'
import { acknowledge, type Callback, Receiver, respond, SECRET } from './receiver.ts'
import { APPROVAL_POLICY } from './room.ts'

const redis = await redisServer()
const ORDERS = 60
const guard = { admit: (order: Order) => order }

/** One of several processes: its own connections to one Redis, as run/ wires them. */
async function process(url: string, prefix: string, gateway: WebhookGateway, acknowledged: (id: string) => void) {
  const clock = systemClock
  const onError = () => undefined
  const observe: DispatchObserver = {
    changed: () => undefined,
    opened: () => undefined,
    attempted: () => undefined,
    acknowledged: (lease) => acknowledged(lease.order.id),
    ended: () => undefined,
    notContained: () => undefined,
    approval: () => undefined,
    overBudget: () => undefined,
    historyDropped: () => undefined,
    failed: () => undefined,
  }
  const onRefilled = () => void desk.reconcile().catch(onError)
  const posture = await RedisPosture.connect(clock, {
    ...REDIS_POSTURE_DEFAULTS,
    url,
    prefix: `${prefix}:p`,
    onRefilled,
    onError,
  })
  const queue = new BullmqQueue(clock, { ...BULLMQ_DEFAULTS, url, prefix, onError })
  const history = new History(async () => undefined, clock, observe)
  const parts = { posture, queue, routes: new Routes([{ gateway }]), history, observe, clock }
  const book = new RedisApprovals({ url, prefix, onError })
  const { desk, dispatcher } = openOffice({
    ...parts,
    random: Math.random,
    allowed: new Set(LEVELS),
    guard,
    roleOf: () => undefined,
    book,
    approvalPolicy: APPROVAL_POLICY,
  })
  const stop = new AbortController()
  const working = dispatcher.run(stop.signal)
  const close = async () => {
    stop.abort()
    await working
    await queue.close()
    await posture.close()
    book.close()
  }
  return { posture, desk, close }
}

/** Goal: orders placed by two processes at once, the same ones by both, reach the PEP once each and hold everywhere. */
describe.skipIf(!redis.available)('two processes on one Redis', () => {
  it('contain once, agree on what is contained, and free it for both', async () => {
    if (!redis.available) return
    const receiver = new Receiver()
    await receiver.start()
    const gateway = new WebhookGateway(
      { name: 'gw', url: receiver.url, secrets: [SECRET], allowPrivate: true },
      Date.now,
    )
    const prefix = `{${randomUUID()}}`
    const acknowledged = new Set<string>()
    let all: () => void = () => undefined
    const reached = new Promise<void>((resolve) => {
      all = resolve
    })
    const count = (id: string) => {
      if (acknowledged.add(id).size === ORDERS) all()
    }
    const [a, b] = [
      await process(redis.service.url, prefix, gateway, count),
      await process(redis.service.url, prefix, gateway, count),
    ]
    const orders = Array.from({ length: ORDERS }, () => order({ issuedMs: Date.now() }))
    await Promise.all([a.desk.place(orders), b.desk.place(orders.toReversed())])
    await reached
    const applied = receiver.received.map(({ data }) => data.containment_id)
    expect([applied.length, new Set(applied).size]).toEqual([ORDERS, ORDERS])
    const [one] = orders
    if (one === undefined) throw new Error('unreachable')
    const query = { tenant: 'default', session: one.target.id, agent: 'agent-1' }
    for (const { posture } of [a, b]) {
      expect((await posture.decide(query, Date.now())).containmentId).toBe(one.id)
    }
    const heard = new Promise<void>((resolve) => {
      b.posture.subscribe(({ change }) => change === 'release' && resolve())
    })
    const told = receiver.next(isRelease)
    await a.desk.release(one.id, 'ada', 'was fine')
    await Promise.all([heard, told])
    for (const { posture } of [a, b]) expect((await posture.decide(query, Date.now())).action).toBe('allow')
    await a.close()
    await b.close()
    gateway.close()
    await receiver.stop()
  })
})

/** Goal: a Redis that loses everything loses no delivery that was still to come. */
describe.skipIf(!redis.available)('a flush of Redis', () => {
  it('delivers what waited, and does not bring back what was released', async () => {
    const own = await ownRedisServer()
    if (!own.available) return
    const receiver = new Receiver()
    receiver.answer = respond(503)
    await receiver.start()
    const gateway = new WebhookGateway(
      { name: 'gw', url: receiver.url, secrets: [SECRET], allowPrivate: true },
      Date.now,
    )
    const acknowledged: string[] = []
    let reached: () => void = () => undefined
    const one = await process(own.service.url, `{${randomUUID()}}`, gateway, (id) => {
      acknowledged.push(id)
      reached()
    })
    const [waiting, freed] = [order({ issuedMs: Date.now() }), order({ issuedMs: Date.now() })]
    const tried = receiver.next(({ data }) => data.containment_id === waiting.id)
    await one.desk.place([waiting, freed])
    await one.desk.release(freed.id, 'ada', 'was fine')
    await tried
    const admin = new Redis(own.service.url)
    await admin.flushall()
    admin.disconnect()
    const delivered = new Promise<void>((resolve) => {
      reached = resolve
    })
    receiver.answer = acknowledge('applied')
    await delivered
    expect(acknowledged).toEqual([waiting.id])
    expect(await one.posture.get(freed.id)).toMatchObject({ state: 'released' })
    const query = { tenant: 'default', session: freed.target.id, agent: 'agent-1' }
    expect((await one.posture.decide(query, Date.now())).action).toBe('allow')
    await one.close()
    gateway.close()
    await receiver.stop()
    await own.service.stop()
  }, 30_000)
})

function isRelease({ type }: Callback): boolean {
  return type === 'containment.release.v1'
}
