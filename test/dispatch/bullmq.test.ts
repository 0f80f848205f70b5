import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/dispatch/clock.ts'
import { BULLMQ_DEFAULTS, BullmqQueue } from '../../src/dispatch/queue/bullmq.ts'
import type { DispatchJob } from '../../src/dispatch/queue.ts'
import { order } from '../../src/testing/orders.ts'
import { queueSuite } from '../../src/testing/queue-suite.ts'
import { ownRedisServer, redisServer } from '../services/redis.ts'

const redis = await redisServer()

const LOCK_MS = 600

function openQueue(url: string, prefix = `{${randomUUID()}}`, lockMs: number = BULLMQ_DEFAULTS.lockMs): BullmqQueue {
  return new BullmqQueue(systemClock, { ...BULLMQ_DEFAULTS, url, prefix, lockMs, onError: () => undefined })
}

function job(): Omit<DispatchJob, 'attempt'> {
  return { order: order(), change: 'apply', revision: 1, gateway: 'gw-1' }
}

if (redis.available) {
  queueSuite('BullmqQueue', async () => {
    const prefix = `{${randomUUID()}}`
    let now = openQueue(redis.service.url, prefix)
    return {
      queue: now,
      elapse: () => Promise.resolve(),
      async reopen() {
        await now.close()
        now = openQueue(redis.service.url, prefix)
        return now
      },
      dispose: () => now.close(),
    }
  })
}

describe.skipIf(!redis.available)('BullmqQueue and a worker that dies', () => {
  it('gives the jobs of a killed process to another one', async () => {
    if (!redis.available) return
    const { url } = redis.service
    const prefix = `{${randomUUID()}}`
    const one = job()
    const script = join(import.meta.dirname, 'bullmq-child.ts')
    const arguments_ = ['--import', 'tsx', '--conditions=source', script, url, prefix, String(LOCK_MS)]
    const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] })
    const queue = openQueue(url, prefix, LOCK_MS)
    await queue.put([one])
    for await (const taken of createInterface({ input: child.stdout })) {
      expect(taken).toBe(one.order.id)
      child.kill('SIGKILL')
    }
    const stop = new AbortController()
    const again = new Promise<DispatchJob>((resolve) => {
      void queue.work(async (taken) => {
        resolve(taken)
        return { kind: 'done' }
      }, stop.signal)
    })
    expect((await again).order).toEqual(one.order)
    stop.abort()
    await queue.close()
  })
})

describe.skipIf(!redis.available)('BullmqQueue without Redis', () => {
  it('refuses a put while Redis is away, and goes on with what it had when Redis is back', async () => {
    const own = await ownRedisServer()
    if (!own.available) return
    const queue = openQueue(own.service.url)
    const stop = new AbortController()
    const seen: string[] = []
    const waiters: (() => void)[] = []
    const [before, after] = [job(), job()]
    const working = queue.work(async (taken) => {
      seen.push(taken.order.id)
      for (const resolve of waiters.splice(0)) resolve()
      return { kind: 'done' }
    }, stop.signal)
    const next = () => new Promise<void>((resolve) => waiters.push(resolve))
    const first = next()
    await queue.put([before])
    await first
    await own.service.stop()
    expect(await succeeds(queue.put([after]))).toBe(false)
    const second = next()
    await own.service.start()
    // What the pipeline does: the same put again until it succeeds.
    while (!(await succeeds(queue.put([before, after]))));
    await second
    stop.abort()
    await working
    await queue.close()
    await own.service.stop()
    expect(seen).toEqual([before.order.id, after.order.id])
  })

  it('stops in bounded time while Redis is away', async () => {
    const own = await ownRedisServer()
    if (!own.available) return
    const queue = openQueue(own.service.url)
    const stop = new AbortController()
    let working: Promise<void> | undefined
    const taken = new Promise<void>((resolve) => {
      working = queue.work(async () => {
        resolve()
        await own.service.stop()
        return { kind: 'done' }
      }, stop.signal)
    })
    await queue.put([job()])
    await taken
    stop.abort()
    await expect(working).resolves.toBeUndefined()
    await queue.close()
  }, 30_000)
})

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  )
}
