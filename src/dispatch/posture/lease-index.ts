import type { Lease, TargetKind } from '../../model/index.ts'
import { severityOfLevel } from '../../model/index.ts'
import { isFinal, isInForce, isTold } from '../lease.ts'
import type { Decision, PostureChange, PostureQuery } from '../posture.ts'

/** A lease with the revisions at which it last changed, PEPs were last told to apply it (0: never), and it ended. */
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

  /** Enforced leases of whom this is about that PEPs know of, the one that applies first. */
  covering(query: PostureQuery): readonly Lease[] {
    if (this.byTarget.size === 0) return NONE
    let found: Lease[] | undefined
    for (const key of keysOf(query)) {
      for (const lease of this.byTarget.get(key)?.values() ?? []) {
        if (!isTold(lease) || !covers(lease, query)) continue
        found ??= []
        found.push(lease)
      }
    }
    return found?.sort((a, b) => (outranks(a, b) ? -1 : 1)) ?? NONE
  }

  decide(query: PostureQuery, nowMs: number): Decision {
    const worst = this.covering(query).find((lease) => isInForce(lease, nowMs))
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

  awaiting(): readonly Lease[] {
    return this.leases((lease) => lease.state === 'awaiting_approval')
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

const NONE: readonly Lease[] = []

/** What an entry tells PEPs that know what it replaces; undefined when nothing, or when they may not hear it. */
export function newsOf(before: Entry | undefined, entry: Entry): PostureChange | undefined {
  if (entry.lease.order.mode !== 'enforce') return undefined
  return before?.lease.revision === entry.lease.revision ? undefined : changeOf(entry, 0)
}

function* keysOf(query: PostureQuery): Generator<string> {
  const { tenant, session, agent, user, server, tool, role } = query
  if (session !== undefined) yield keyOf(tenant, 'session', session)
  if (agent !== undefined) yield keyOf(tenant, 'agent', agent)
  if (user !== undefined) yield keyOf(tenant, 'user', user)
  if (server !== undefined) yield keyOf(tenant, 'server', server)
  if (tool !== undefined) yield keyOf(tenant, 'tool', server === undefined ? tool : `${server}/${tool}`)
  if (role !== undefined) yield keyOf(tenant, 'role', role)
  yield keyOf(tenant, 'tenant', tenant)
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
function outranks(a: Lease, b: Lease): boolean {
  const bySeverity = severityOfLevel(a.order.level) - severityOfLevel(b.order.level)
  if (bySeverity !== 0) return bySeverity > 0
  if (a.order.expiresMs !== b.order.expiresMs) return a.order.expiresMs > b.order.expiresMs
  return a.order.id < b.order.id
}

/** Whether writing `lease` over what was there is something that PEPs must be told, and what. */
export function tells(before: Entry | undefined, lease: Lease): 'apply' | 'end' | 'nothing' {
  if (isFinal(lease.state)) return before?.ended === undefined ? 'end' : 'nothing'
  if (lease.state === 'awaiting_approval' || before?.lease.revision === lease.revision) return 'nothing'
  return 'apply'
}
