import type { Lease, TargetKind } from '../../model/index.ts'
import { severityOfLevel } from '../../model/index.ts'
import { isFinal, isInForce } from '../lease.ts'
import type { Decision, PostureChange, PostureQuery } from '../posture.ts'

/** A lease with the revisions at which it last changed, was opened, and ended. */
export interface Entry {
  readonly lease: Lease
  readonly changed: number
  readonly opened: number
  readonly ended?: number | undefined
}

/**
 * Leases in memory, by id and by target: what answers decisions. Pure bookkeeping, no clock; both postures keep one.
 * Ended leases stay as tombstones until their original end, so that a late change finds them.
 */
export class LeaseIndex {
  revision = 0
  private readonly byId = new Map<string, Entry>()
  private readonly byTarget = new Map<string, Map<string, Lease>>()

  get size(): number {
    return this.byId.size
  }

  get(orderId: string): Entry | undefined {
    return this.byId.get(orderId)
  }

  /** Older news about a lease than what is known is ignored; the answer says whether it was news. */
  set(entry: Entry): boolean {
    const { lease } = entry
    const known = this.byId.get(lease.order.id)
    if (known !== undefined && known.changed >= entry.changed) return false
    this.revision = Math.max(this.revision, entry.changed)
    this.byId.set(lease.order.id, entry)
    if (lease.order.mode === 'enforce') this.place(lease)
    return true
  }

  entries(): Iterable<Entry> {
    return this.byId.values()
  }

  clear(): void {
    this.byId.clear()
    this.byTarget.clear()
    this.revision = 0
  }

  /** Forgets leases that ended and whose original end has passed: every PEP has dropped them too. */
  prune(nowMs: number): readonly string[] {
    const gone: string[] = []
    for (const [id, { lease }] of this.byId) {
      if (isFinal(lease.state) && lease.order.expiresMs <= nowMs) gone.push(id)
    }
    for (const id of gone) this.byId.delete(id)
    return gone
  }

  decide(query: PostureQuery, nowMs: number): Decision {
    let worst: Lease | undefined
    for (const key of keysOf(query)) {
      for (const lease of this.byTarget.get(key)?.values() ?? []) {
        if (isInForce(lease, nowMs) && covers(lease, query) && outranks(lease, worst)) worst = lease
      }
    }
    if (worst === undefined) return { action: 'allow' }
    return { action: worst.order.level, containmentId: worst.order.id, expiresMs: worst.order.expiresMs }
  }

  active(tenant: string, nowMs: number): readonly Lease[] {
    return this.leases(
      (lease) => lease.order.tenant === tenant && !isFinal(lease.state) && nowMs < lease.order.expiresMs,
    )
  }

  due(nowMs: number): readonly Lease[] {
    return this.leases((lease) => !isFinal(lease.state) && lease.order.expiresMs <= nowMs)
  }

  changes(since: number, nowMs: number): readonly PostureChange[] | undefined {
    if (since > this.revision) return undefined
    const changes: PostureChange[] = []
    for (const entry of this.byId.values()) {
      const { mode, expiresMs } = entry.lease.order
      if (mode !== 'enforce' || expiresMs <= nowMs) continue
      const change = changeOf(entry, since)
      if (change !== undefined) changes.push(change)
    }
    return changes.sort((a, b) => a.revision - b.revision)
  }

  private leases(wanted: (lease: Lease) => boolean): readonly Lease[] {
    const found: Lease[] = []
    for (const { lease } of this.byId.values()) if (wanted(lease)) found.push(lease)
    return found
  }

  private place(lease: Lease): void {
    const key = keyOf(lease.order.tenant, lease.order.target.kind, lease.order.target.id)
    const held = this.byTarget.get(key)
    if (!isFinal(lease.state)) {
      if (held === undefined) this.byTarget.set(key, new Map([[lease.order.id, lease]]))
      else held.set(lease.order.id, lease)
      return
    }
    held?.delete(lease.order.id)
    if (held?.size === 0) this.byTarget.delete(key)
  }
}

/** What an entry tells PEPs that know everything up to `since`; undefined when nothing. */
function changeOf(entry: Entry, since: number): PostureChange | undefined {
  const { lease, opened, ended } = entry
  if (ended !== undefined) return ended > since ? { revision: ended, change: 'release', lease } : undefined
  return opened > since ? { revision: opened, change: 'apply', lease } : undefined
}

/** What an entry tells PEPs that know what it replaces; undefined when nothing, or when they may not hear it. */
export function newsOf(before: Entry | undefined, entry: Entry): PostureChange | undefined {
  if (entry.lease.order.mode !== 'enforce') return undefined
  if (before === undefined) return changeOf(entry, 0)
  return before.ended === undefined && entry.ended !== undefined ? changeOf(entry, 0) : undefined
}

function* keysOf(query: PostureQuery): Generator<string> {
  const { tenant, session, agent, user, server, tool } = query
  if (session !== undefined) yield keyOf(tenant, 'session', session)
  if (agent !== undefined) yield keyOf(tenant, 'agent', agent)
  if (user !== undefined) yield keyOf(tenant, 'user', user)
  if (server !== undefined) yield keyOf(tenant, 'server', server)
  if (tool !== undefined) yield keyOf(tenant, 'tool', server === undefined ? tool : `${server}/${tool}`)
}

function keyOf(tenant: string, kind: TargetKind, id: string): string {
  return `${tenant}\u001f${kind}\u001f${id}`
}

/** Two agents may use one session id; a session's lease holds for its own agent, and for whoever does not say who asks. */
function covers(lease: Lease, query: PostureQuery): boolean {
  const { kind, agent } = lease.order.target
  return kind !== 'session' || agent === undefined || query.agent === undefined || agent === query.agent
}

/** Most severe first, then the one that ends last, then by id: every process gives the same answer. */
function outranks(a: Lease, b: Lease | undefined): boolean {
  if (b === undefined) return true
  const bySeverity = severityOfLevel(a.order.level) - severityOfLevel(b.order.level)
  if (bySeverity !== 0) return bySeverity > 0
  if (a.order.expiresMs !== b.order.expiresMs) return a.order.expiresMs > b.order.expiresMs
  return a.order.id < b.order.id
}
