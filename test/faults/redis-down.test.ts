import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kafkaBroker } from '../services/kafka.ts'
import { ownRedisServer } from '../services/redis.ts'
import { readBooks } from './books.ts'
import { KafkaFeed, uncommitted } from './kafka-feed.ts'
import { Pep } from './pep.ts'
import { metric, Rig } from './rig.ts'
import { liveStream } from './stream.ts'

/*
 * Goal: while Redis is away orders wait durably, which means that their events are not acknowledged, and a PEP that
 * asks gets the last known directive or is told to decide by itself; afterwards every order is delivered once.
 */
const EVENTS = 2_000

const kafka = await kafkaBroker()
const redis = await ownRedisServer()
const folder = mkdtempSync(join(tmpdir(), 'belay-redis-down-'))
const rig = new Rig(folder)
const pep = new Pep()
const startMs = Date.now() - 10 * 60_000
const streamOf = (name: string, seed: number) =>
  liveStream({ seed, name, events: EVENTS, startMs, gapMs: 200, puppets: 2 })
const [before, during] = [streamOf('r', 5), streamOf('s', 6)]

beforeAll(async () => {
  await rig.learn(startMs)
  await pep.start()
})
afterAll(async () => {
  await pep.stop()
  if (redis.available) await redis.service.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!kafka.available || !redis.available)('Redis goes and comes back', { timeout: 180_000 }, async () => {
  if (!kafka.available || !redis.available) return
  const { brokers } = kafka.service
  const parts = { kafka: { brokers: [...brokers], group: 'redis-down', sessionTimeoutSeconds: 6 } }
  const belay = await rig.start(rig.configure('redis', pep, { ...parts, redis: { url: redis.service.url } }))
  const waiting = () => uncommitted(brokers, 'redis-down')
  const ask = (session: string) =>
    fetch(new URL(`/v1/decisions?session=${session}&agent=finance-${session}`, belay.url), {
      headers: { 'x-belay-tenant': 'acme' },
    })
  const feed = new KafkaFeed(brokers)
  await feed.connect()
  await feed.publish(before.events)
  await expect.poll(waiting, { timeout: 60_000, interval: 250 }).toBe(0)
  await expect.poll(() => before.puppets.every((session) => pep.appliedMs(session)), { timeout: 20_000 }).toBe(true)
  const callbacks = pep.callbacks

  await redis.service.stop()
  const goneMs = Date.now()
  await feed.publish(during.events)
  await expect
    .poll(() => metric(belay, 'belay_effect_failures_total', 'orders'), { timeout: 60_000, interval: 250 })
    .toBeGreaterThan(1)
  expect(await waiting()).toBeGreaterThan(0)
  const [known = ''] = before.puppets
  expect(await (await ask(known)).json()).toMatchObject({ action: expect.not.stringMatching('allow') as unknown })
  const unknown = await ask('nobody')
  expect([unknown.status, unknown.headers.get('retry-after')]).toEqual([503, '1'])
  expect([(await belay.get('/healthz')).status, (await belay.get('/readyz')).status]).toEqual([200, 503])
  expect(pep.callbacks).toBe(callbacks)

  await redis.service.start()
  const backMs = Date.now()
  await expect.poll(waiting, { timeout: 60_000, interval: 250 }).toBe(0)
  await expect.poll(() => during.puppets.every((session) => pep.appliedMs(session)), { timeout: 30_000 }).toBe(true)
  await expect.poll(async () => (await ask('nobody')).status, { timeout: 10_000 }).toBe(200)
  await expect.poll(() => metric(belay, 'belay_queue_jobs'), { timeout: 30_000 }).toBe(0)
  const tookMs = Date.now() - backMs
  expect(await belay.end('SIGTERM')).toBe(0)
  await feed.close()

  const books = await readBooks(rig.data, startMs + 30 * 3_600_000)
  console.log(
    `Redis away for ${((backMs - goneMs) / 1000).toFixed(1)} s: all delivered ${(tookMs / 1000).toFixed(1)} s after its ` +
      `return; ${books.counted.events} events once, ${pep.held.size} containments by ${pep.callbacks} callbacks`,
  )
  expect(books.counted).toMatchObject({ events: 2 * EVENTS, distinct: 2 * EVENTS })
  expect([...pep.held.values()].filter(({ effects }) => effects !== 1)).toEqual([])
  expect(books.containments).toHaveLength(pep.held.size)
  expect(books.containments.filter((line) => !line.endsWith(' acknowledged'))).toEqual([])
})
