import { Redis } from 'ioredis'
import { type Approval, isOpen } from '../approval.ts'
import type { ApprovalBook } from '../approval-book.ts'
import { PostureError } from '../posture.ts'

export interface RedisApprovalsOptions {
  readonly url: string
  /** Redis keys start with it; the braces keep them in one slot of a cluster */
  readonly prefix: string
  /** told about lost connections; must not throw */
  readonly onError: (error: unknown) => void
}

const COMMAND_TIMEOUT_MS = 1_000

/**
 * Writes one if what is stored is what the caller has seen (empty: nothing). KEYS: hash id -> JSON, hash situation ->
 * id, sorted set of open ids by end. ARGV: id, JSON seen, JSON, situation, end, open (1 or 0), new (1 or 0). Returns
 * what is stored afterwards.
 */
const WRITE = `
  local stored = redis.call('HGET', KEYS[1], ARGV[1]) or ''
  if stored ~= ARGV[2] then return stored end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  if ARGV[7] == '1' then redis.call('HSET', KEYS[2], ARGV[4], ARGV[1]) end
  if ARGV[6] == '1' then redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1]) else redis.call('ZREM', KEYS[3], ARGV[1]) end
  return ARGV[3]
`

/** The distributed book: hashes in Redis, each change one compare-and-set. */
export class RedisApprovals implements ApprovalBook {
  private readonly redis: Redis
  private readonly byId: string
  private readonly bySituation: string
  private readonly ends: string

  constructor({ url, prefix, onError }: RedisApprovalsOptions) {
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
    this.redis.on('error', onError)
    this.byId = `${prefix}:approvals`
    this.bySituation = `${prefix}:situations`
    this.ends = `${prefix}:ends`
  }

  async put(approval: Approval): Promise<Approval> {
    return JSON.parse(await this.write('', approval, true)) as Approval
  }

  async get(id: string): Promise<Approval | undefined> {
    const stored = await this.read(id)
    return stored === null ? undefined : (JSON.parse(stored) as Approval)
  }

  async current(situation: string): Promise<Approval | undefined> {
    const id = await ask(() => this.redis.hget(this.bySituation, situation))
    return id === null ? undefined : this.get(id)
  }

  async change(id: string, change: (approval: Approval) => Approval): Promise<Approval | undefined> {
    let stored = await this.read(id)
    while (stored !== null && stored !== '') {
      const known = JSON.parse(stored) as Approval
      const changed = change(known)
      if (changed === known) return known
      const after = await this.write(stored, changed, false)
      if (after === JSON.stringify(changed)) return changed
      stored = after
    }
    return undefined
  }

  async list(tenant: string): Promise<readonly Approval[]> {
    const all = (await ask(() => this.redis.hvals(this.byId))).map((text) => JSON.parse(text) as Approval)
    return all.filter((one) => one.tenant === tenant).sort((a, b) => b.createdMs - a.createdMs)
  }

  async due(nowMs: number): Promise<readonly Approval[]> {
    const ids = await ask(() => this.redis.zrangebyscore(this.ends, '-inf', nowMs))
    const found = await Promise.all(ids.map((id) => this.get(id)))
    return found.flatMap((one) => one ?? [])
  }

  async forget(beforeMs: number): Promise<void> {
    const all = (await ask(() => this.redis.hvals(this.byId))).map((text) => JSON.parse(text) as Approval)
    const old = all.filter((one) => !isOpen(one) && one.expiresMs < beforeMs)
    for (const { id, situation } of old) {
      await ask(() => this.redis.hdel(this.byId, id))
      if ((await ask(() => this.redis.hget(this.bySituation, situation))) === id)
        await ask(() => this.redis.hdel(this.bySituation, situation))
    }
  }

  close(): void {
    this.redis.disconnect()
  }

  private read(id: string): Promise<string | null> {
    return ask(() => this.redis.hget(this.byId, id))
  }

  private async write(seen: string, approval: Approval, isNew: boolean): Promise<string> {
    const { id, situation, expiresMs } = approval
    const keys = [this.byId, this.bySituation, this.ends]
    const args = [id, seen, JSON.stringify(approval), situation, expiresMs, isOpen(approval) ? 1 : 0, isNew ? 1 : 0]
    return String(await ask(() => this.redis.eval(WRITE, keys.length, ...keys, ...args)))
  }
}

async function ask<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (cause) {
    throw new PostureError('Redis does not answer; check that it runs and is reachable', { cause })
  }
}
