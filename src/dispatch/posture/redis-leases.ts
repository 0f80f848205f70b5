import type { Redis } from 'ioredis'
import type { Lease } from '../../model/index.ts'
import { PostureError } from '../posture.ts'
import { type Entry, tells } from './lease-index.ts'
import { BEGIN_LIFE, FORGET, READ_CHANGES, WRITE_LEASE } from './redis-scripts.ts'

/** What changed in Redis after some revision. */
export interface RedisChanges {
  /** names this life of the data; empty when Redis holds nothing */
  readonly life: string
  readonly revision: number
  readonly entries: readonly Entry[]
}

/** Leases as they lie in Redis: each method is one command. Rejects with PostureError when Redis does not answer. */
export class RedisLeases {
  /** where every change is published, as `entryOf` reads it */
  readonly channel: string
  private readonly redis: Redis
  private readonly keys: readonly string[]

  constructor(redis: Redis, prefix: string) {
    this.redis = redis
    this.keys = ['leases', 'revision', 'changes', 'ends', 'life'].map((name) => `${prefix}:${name}`)
    this.channel = `${prefix}:changed`
  }

  async read(orderId: string): Promise<Entry | undefined> {
    const [leases = ''] = this.keys
    const stored = await ask(() => this.redis.hget(leases, orderId))
    return stored === null ? undefined : entryOf(stored)
  }

  /**
   * Writes a lease over what was seen of it (undefined: nothing). Undefined when that one is gone; another entry than
   * the one meant when it has changed meanwhile. `floor` is a revision that every new one lies above.
   */
  async write(lease: Lease, seen: Entry | undefined, floor: number): Promise<Entry | undefined> {
    const { id, expiresMs } = lease.order
    const told = tells(seen, lease)
    const args = [floor, id, seen?.changed ?? 0, JSON.stringify(lease), expiresMs, told, this.channel]
    const stored = await this.run(WRITE_LEASE, ...args)
    return typeof stored === 'string' ? entryOf(stored) : undefined
  }

  async changesAfter(revision: number): Promise<RedisChanges> {
    const answer = await this.run(READ_CHANGES, revision)
    const [life, newest, entries] = answer as [string, string, string[]]
    return { life, revision: Number(newest), entries: entries.map(entryOf) }
  }

  /** Gives the data a name unless it has one. Returns the name it has. */
  async beginLife(name: string, floor: number): Promise<string> {
    return String(await this.run(BEGIN_LIFE, floor, name))
  }

  /** Forgets leases whose end lies before this time. */
  async forget(beforeMs: number): Promise<void> {
    await this.run(FORGET, beforeMs)
  }

  private run(script: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return ask(() => this.redis.eval(script, this.keys.length, ...this.keys, ...args))
  }
}

/** Reads an entry as the scripts write and publish it. */
export function entryOf(stored: string): Entry {
  const cut = stored.indexOf('\n')
  const [changed = 0, opened = 0, ended = 0] = stored.slice(0, cut).split(' ').map(Number)
  const lease = JSON.parse(stored.slice(cut + 1)) as Lease
  return { lease, changed, opened, ended: ended === 0 ? undefined : ended }
}

async function ask<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (cause) {
    throw new PostureError('Redis does not answer; check that it runs and is reachable', { cause })
  }
}
