import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/dispatch/clock.ts'
import { advanced, leaseOf } from '../../src/dispatch/lease.ts'
import { REDIS_POSTURE_DEFAULTS, RedisPosture } from '../../src/dispatch/posture/redis.ts'
import type { Lease } from '../../src/model/index.ts'
import { restoreLeases } from '../../src/run/parts/restore-leases.ts'
import { openStore } from '../../src/store/open.ts'
import { order } from '../../src/testing/orders.ts'
import { redisServer } from '../services/redis.ts'

const redis = await redisServer()

/** Goal: Redis is empty and no process remembers; the history says what was contained, and what was freed. */
it.skipIf(!redis.available)(
  'fills a Redis that nobody remembers from the history of containments',
  async () => {
    if (!redis.available) return
    const directory = mkdtempSync(join(tmpdir(), 'belay-restore-'))
    const store = await openStore({ kind: 'embedded', directory, retention: { eventDays: 90, findingDays: 400 } })
    await store.migrate()
    const nowMs = Date.now()
    const opened = (over: Parameters<typeof order>[0] = {}) => leaseOf(order({ issuedMs: nowMs, ...over }), nowMs)
    const held = advanced(opened(), 'acknowledged', { atMs: nowMs + 1 })
    const freed = advanced(opened(), 'released', { atMs: nowMs + 2, by: 'ada', detail: 'was fine' })
    const waiting = opened({ approval: 'blast radius' })
    const over = opened({ expiresMs: nowMs - 1 })
    const history: readonly Lease[] = [
      opened({ ...held.order }),
      held,
      opened({ ...freed.order }),
      freed,
      waiting,
      over,
    ]
    await store.writeLeaseChanges(history.map((lease) => ({ lease, atMs: lease.updatedMs })))

    const options = {
      ...REDIS_POSTURE_DEFAULTS,
      url: redis.service.url,
      prefix: `{${randomUUID()}}`,
      onError: () => undefined,
    }
    const posture = await RedisPosture.connect(systemClock, options)
    expect(await restoreLeases(store, posture, nowMs)).toBe(3)
    expect(await restoreLeases(store, posture, nowMs)).toBe(0)
    expect(await posture.get(held.order.id)).toMatchObject({
      ...held,
      order: { ...held.order, score: expect.closeTo(0.91) },
    })
    expect(await posture.get(freed.order.id)).toMatchObject({ state: 'released', releasedBy: 'ada', revision: 2 })
    expect(await posture.get(over.order.id)).toBeUndefined()
    expect(posture.awaiting().map(({ order: { id } }) => id)).toEqual([waiting.order.id])
    const decide = (session: string) => posture.decide({ tenant: 'default', session, agent: 'agent-1' }, nowMs)
    expect((await decide(held.order.target.id)).action).toBe('suspend_session')
    expect((await decide(freed.order.target.id)).action).toBe('allow')
    // A batch that comes again does not contain again what a person had freed.
    expect(await posture.open(opened({ ...freed.order }))).toMatchObject({ state: 'released' })
    await posture.close()
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  },
  60_000,
)
