import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Lease, LeaseState } from '../../model/index.ts'
import type { Clock } from '../clock.ts'
import type { Change } from '../lease.ts'
import { advanced, furthest, isFinal } from '../lease.ts'
import type { Decision, Posture, PostureChange, PostureQuery } from '../posture.ts'
import type { Entry } from './lease-index.ts'
import { LeaseIndex, newsOf } from './lease-index.ts'
import { entryOf, RedisLeases } from './redis-leases.ts'

export interface RedisPostureOptions {
  readonly url: string
  /** Redis keys start with it; the braces keep them in one slot of a cluster */
  readonly prefix: string
  /** how often the copy is compared with Redis; changes arrive at once by pub/sub, this catches a lost message */
  readonly pollMs: number
  /** a copy that was not compared for this long is read again before it says `allow` */
  readonly staleMs: number
  /** Redis had lost its data and was filled again from memory: what else lay there is to be made anew */
  readonly onRefilled?: () => void
  /** told about lost connections; must not throw */
  readonly onError: (error: unknown) => void
}

export const REDIS_POSTURE_DEFAULTS = { prefix: '{belay}:posture', pollMs: 250, staleMs: 1_000 } as const

/** A command that Redis does not answer for this long has failed; PEPs give a decision 150 to 500 ms. */
const COMMAND_TIMEOUT_MS = 1_000
/** A comparison under way may have been read before the change; one after it has not, unless Redis lost its data. */
const COMPARES_PER_GAP = 3
const HISTORY_MS = 7 * 24 * 3_600_000

/**
 * The distributed posture: leases in Redis, a copy of the unexpired ones in this process that answers decisions. When
 * Redis comes back empty, the processes that remember fill it again, tombstones included.
 */
export class RedisPosture implements Posture {
  private readonly clock: Clock
  private readonly options: RedisPostureOptions
  private readonly redis: Redis
  private readonly subscriber: Redis
  private readonly leases: RedisLeases
  private readonly index = new LeaseIndex()
  private readonly listeners = new Set<(change: PostureChange) => void>()
  private life: string | undefined
  /** newest revision up to which everything is known; pub/sub alone may have skipped one */
  private synced = 0
  private comparedMs = Number.NEGATIVE_INFINITY
  private comparing: Promise<void> | undefined
  private cancelPoll: (() => void) | undefined
  private closed = false

  private constructor(clock: Clock, options: RedisPostureOptions) {
    this.clock = clock
    this.options = options
    const { url, prefix, onError } = options
    const retryStrategy = (times: number) => Math.min(100 * times, 1_000)
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS, retryStrategy })
    this.subscriber = new Redis(url, { maxRetriesPerRequest: null, retryStrategy })
    this.redis.on('error', onError)
    this.subscriber.on('error', onError)
    this.leases = new RedisLeases(this.redis, prefix)
  }

  /** Rejects with PostureError when Redis cannot be reached. */
  static async connect(clock: Clock, options: RedisPostureOptions): Promise<RedisPosture> {
    const posture = new RedisPosture(clock, options)
    posture.subscriber.on('message', (_channel, entry) => {
      posture.hear(entryOf(entry)).catch(options.onError)
    })
    try {
      await posture.compare()
      await posture.subscriber.subscribe(posture.leases.channel)
      await posture.compare()
    } catch (error) {
      await posture.close()
      throw error
    }
    posture.poll()
    return posture
  }

  async open(lease: Lease): Promise<Lease> {
    const known = this.index.get(lease.order.id)
    if (known !== undefined) return known.lease
    const stored = await this.write(lease, undefined)
    // A lease that was there before has another revision behind it, or a different moment in it.
    const isNew = stored === undefined || (stored.lease.revision === lease.revision && isSame(stored.lease, lease))
    return isNew ? lease : stored.lease
  }

  async advance(orderId: string, to: LeaseState, change: Change): Promise<Lease | undefined> {
    let known = this.index.get(orderId) ?? (await this.leases.read(orderId))
    for (;;) {
      if (known === undefined) return undefined
      const lease = advanced(known.lease, to, change)
      if (lease === known.lease) return lease
      const stored: Entry | undefined = await this.write(lease, known)
      if (stored === undefined) {
        // Redis lost it between two reads: fill it from memory, then try again.
        await this.compare()
        known = await this.leases.read(orderId)
      } else if (isSame(stored.lease, lease)) return stored.lease
      else known = stored
    }
  }

  async get(orderId: string): Promise<Lease | undefined> {
    return (this.index.get(orderId) ?? (await this.leases.read(orderId)))?.lease
  }

  async restore(lease: Lease): Promise<void> {
    await this.refill(lease)
    await this.compare()
  }

  covering(query: PostureQuery): readonly Lease[] {
    return this.index.covering(query)
  }

  recall(orderId: string): Lease | undefined {
    return this.index.get(orderId)?.lease
  }

  awaiting(): readonly Lease[] {
    return this.index.awaiting()
  }

  async decide(query: PostureQuery, nowMs: number): Promise<Decision> {
    const decision = this.index.decide(query, nowMs)
    // An unexpired directive outlives an outage; only the absence of one needs a fresh copy.
    if (decision.action !== 'allow' || this.isFresh()) return decision
    await this.compare()
    return this.index.decide(query, nowMs)
  }

  async active(tenant: string, nowMs: number): Promise<readonly Lease[]> {
    if (!this.isFresh()) await this.compare()
    return this.index.active(tenant, nowMs)
  }

  async due(nowMs: number): Promise<readonly Lease[]> {
    await this.compare()
    await this.leases.forget(nowMs - HISTORY_MS)
    const due = this.index.due(nowMs)
    this.index.prune(nowMs)
    return due
  }

  async revision(): Promise<number> {
    if (!this.isFresh()) await this.compare()
    return this.index.revision
  }

  async changes(since: number, nowMs: number): Promise<readonly PostureChange[] | undefined> {
    if (!this.isFresh()) await this.compare()
    return this.index.changes(since, nowMs)
  }

  subscribe(listener: (change: PostureChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.closed = true
    this.cancelPoll?.()
    this.listeners.clear()
    this.redis.disconnect()
    this.subscriber.disconnect()
  }

  private isFresh(): boolean {
    return this.clock.now() - this.comparedMs < this.options.staleMs
  }

  private poll(): void {
    this.cancelPoll = this.clock.after(this.options.pollMs, () => {
      this.compare()
        .catch(this.options.onError)
        .finally(() => {
          if (!this.closed) this.poll()
        })
    })
  }

  /** One comparison at a time; whoever asks meanwhile waits for the same one. */
  private compare(): Promise<void> {
    this.comparing ??= this.compareNow().finally(() => {
      this.comparing = undefined
    })
    return this.comparing
  }

  private async compareNow(): Promise<void> {
    const startedMs = this.clock.now()
    const { life, revision, entries } = await this.leases.changesAfter(this.synced)
    if (life === '' || life !== this.life) return this.beginAgain(startedMs)
    this.learn(entries)
    this.synced = Math.max(this.synced, revision)
    this.comparedMs = startedMs
  }

  /** First contact, or Redis holds other data than before: what is remembered and what is there become one. */
  private async beginAgain(startedMs: number): Promise<void> {
    const life = await this.leases.beginLife(randomUUID(), this.index.revision)
    const remembered = [...this.index.entries()].map(({ lease }) => lease)
    for (const lease of remembered) await this.refill(lease)
    const all = await this.leases.changesAfter(0)
    this.learnAnew(all.entries)
    const isLoss = this.life !== undefined
    this.life = life
    this.synced = all.revision
    this.comparedMs = startedMs
    if (isLoss) this.options.onRefilled?.()
  }

  private async refill(lease: Lease): Promise<void> {
    let stored = await this.leases.read(lease.order.id)
    for (;;) {
      const wanted = stored === undefined ? lease : furthest(stored.lease, lease)
      if (wanted === stored?.lease) return
      const written: Entry | undefined = await this.leases.write(wanted, stored, this.index.revision)
      if (written !== undefined && isSame(written.lease, wanted)) return
      stored = written
    }
  }

  /** Writes and hears of it. */
  private async write(lease: Lease, seen: Entry | undefined): Promise<Entry | undefined> {
    const entry = await this.leases.write(lease, seen, this.index.revision)
    if (entry !== undefined) await this.hear(entry)
    return entry
  }

  /** One change that somebody made. After a gap Redis is asked, so that listeners hear changes in their order. */
  private async hear(entry: Entry): Promise<void> {
    for (let tries = 0; entry.changed > this.synced + 1 && tries < COMPARES_PER_GAP; tries++) await this.compare()
    if (entry.changed !== this.synced + 1) return
    this.synced = entry.changed
    this.learn([entry])
  }

  private learn(
    entries: readonly Entry[],
    known: (id: string) => Entry | undefined = (id) => this.index.get(id),
  ): void {
    const news: PostureChange[] = []
    for (const entry of entries) {
      const before = known(entry.lease.order.id)
      if (before === undefined && this.isHistory(entry)) continue
      if (!this.index.set(entry)) continue
      const told = newsOf(before, entry)
      if (told !== undefined) news.push(told)
    }
    news.sort((a, b) => a.revision - b.revision)
    for (const told of news) for (const listener of this.listeners) listener(told)
  }

  /** Like learn, but revisions of another life say nothing about what is newer. */
  private learnAnew(entries: readonly Entry[]): void {
    const before = new Map([...this.index.entries()].map((entry) => [entry.lease.order.id, entry]))
    const floor = this.index.revision
    this.index.clear()
    this.index.revision = floor
    this.learn(entries, (id) => before.get(id))
  }

  /** Ended, and past its end for every PEP. */
  private isHistory(entry: Entry): boolean {
    return isFinal(entry.lease.state) && entry.lease.order.expiresMs <= this.clock.now()
  }
}

function isSame(a: Lease, b: Lease): boolean {
  return a.revision === b.revision && a.state === b.state && a.updatedMs === b.updatedMs
}
