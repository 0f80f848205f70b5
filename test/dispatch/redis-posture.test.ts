import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/dispatch/clock.ts'
import { REDIS_POSTURE_DEFAULTS, RedisPosture } from '../../src/dispatch/posture/redis.ts'
import { lease } from '../../src/testing/orders.ts'
import { postureSuite } from '../../src/testing/posture-suite.ts'
import { ownRedisServer, redisServer } from '../services/redis.ts'

const redis = await redisServer()

function connect(
  url: string,
  over: { prefix?: string; pollMs?: number; staleMs?: number } = {},
): Promise<RedisPosture> {
  return RedisPosture.connect(systemClock, {
    ...REDIS_POSTURE_DEFAULTS,
    prefix: `{${randomUUID()}}`,
    url,
    onError: () => undefined,
    ...over,
  })
}

function sessionLease(session: string) {
  return lease({ target: { kind: 'session', id: session }, issuedMs: Date.now() })
}

const asks = (posture: RedisPosture, session: string) => posture.decide({ tenant: 'default', session }, Date.now())

if (redis.available) {
  postureSuite('RedisPosture', async () => {
    const prefix = `{${randomUUID()}}`
    const opened = [await connect(redis.service.url, { prefix })]
    const [posture] = opened
    if (posture === undefined) throw new Error('unreachable')
    return {
      posture,
      async another() {
        const other = await connect(redis.service.url, { prefix })
        opened.push(other)
        return other
      },
      async dispose() {
        for (const one of opened) await one.close()
      },
    }
  })
}

describe.skipIf(!redis.available)('RedisPosture on a Redis with faults', () => {
  it('hears at once what another process changed, in order', async () => {
    if (!redis.available) return
    const prefix = `{${randomUUID()}}`
    const writer = await connect(redis.service.url, { prefix })
    const reader = await connect(redis.service.url, { prefix, pollMs: 60_000, staleMs: 60_000 })
    const leases = Array.from({ length: 20 }, (_, at) => sessionLease(`s${at}`))
    const heard: string[] = []
    const all = new Promise<void>((resolve) => {
      reader.subscribe(({ change, lease: of }) => {
        heard.push(`${change} ${of.order.id}`)
        if (heard.length === 40) resolve()
      })
    })
    for (const one of leases) await writer.open(one)
    await Promise.all(leases.map((one) => writer.advance(one.order.id, 'released', { atMs: Date.now() })))
    await all
    expect(heard.slice(0, 20)).toEqual(leases.map((one) => `apply ${one.order.id}`))
    expect((await asks(reader, 's3')).action).toBe('allow')
    await writer.close()
    await reader.close()
  })

  it('fills Redis again after it lost everything: directives, tombstones and rising revisions', async () => {
    if (!redis.available) return
    const prefix = `{${randomUUID()}}`
    const [first, second] = [
      await connect(redis.service.url, { prefix }),
      await connect(redis.service.url, { prefix, pollMs: 20 }),
    ]
    const [held, freed] = [sessionLease('held'), sessionLease('freed')]
    for (const one of [held, freed]) await first.open(one)
    await first.advance(freed.order.id, 'released', { atMs: Date.now() })
    const before = await first.revision()
    const admin = new Redis(redis.service.url)
    await admin.flushall()
    const later = sessionLease('later')
    const heard = new Promise<void>((resolve) => {
      second.subscribe(({ lease: of }) => of.order.id === later.order.id && resolve())
    })
    await first.open(later)
    await heard
    expect(await second.revision()).toBeGreaterThan(before)
    // Everything is back: by who remembers, at the latest when it compares.
    await first.due(Date.now())
    const third = await connect(redis.service.url, { prefix })
    expect((await asks(third, 'held')).action).toBe('suspend_session')
    expect((await asks(third, 'later')).action).toBe('suspend_session')
    expect(await third.get(freed.order.id)).toMatchObject({ state: 'released' })
    expect(await third.open(freed)).toMatchObject({ state: 'released' })
    for (const one of [first, second, third]) await one.close()
    admin.disconnect()
  })

  it('keeps a known directive through an outage, does not guess that a call is allowed, and comes back', async () => {
    const own = await ownRedisServer()
    if (!own.available) return
    const posture = await connect(own.service.url, { pollMs: 60_000, staleMs: 0 })
    await posture.open(sessionLease('held'))
    await own.service.stop()
    expect((await asks(posture, 'held')).action).toBe('suspend_session')
    await expect(asks(posture, 'unknown')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(posture.open(sessionLease('new'))).rejects.toMatchObject({ code: 'unavailable' })
    await own.service.start()
    const asked = async (): Promise<string> =>
      (await asks(posture, 'unknown').catch(() => undefined))?.action ?? asked()
    expect(await asked()).toBe('allow')
    expect((await asks(posture, 'held')).action).toBe('suspend_session')
    await posture.close()
    await own.service.stop()
  })
})
