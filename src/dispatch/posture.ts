import type { Action, Lease, LeaseState } from '../model/index.ts'
import type { Change } from './lease.ts'

/** Whom a PEP asks about: everything it knows of the call at hand. */
export interface PostureQuery {
  readonly tenant: string
  readonly session?: string
  readonly agent?: string
  readonly user?: string
  readonly server?: string
  readonly tool?: string
  readonly role?: string
}

export interface Decision {
  readonly action: Action
  readonly containmentId?: string
  readonly expiresMs?: number
}

/** One line of what PEPs must do, in the order in which it was decided. */
export interface PostureChange {
  /** rises over all tenants; ids of the stream */
  readonly revision: number
  readonly change: 'apply' | 'release'
  readonly lease: Lease
}

/**
 * The posture cannot say what is contained: its database is away and its own memory is too old to trust. Whoever asks
 * applies its own fail-open or fail-closed rule.
 */
export class PostureError extends Error {
  override readonly name = 'PostureError'
  readonly code = 'unavailable'
}

/**
 * What is contained now. Several leases may hold one target: the most severe answers, and releasing one frees only
 * that one. Monitor-mode leases are recorded and never answered. Every change raises the revision. Rejects with
 * PostureError when its database is away.
 */
export interface Posture {
  /**
   * Idempotent by order id: a lease that exists is returned as it is, a new one is returned as the very object that was
   * passed. Durable when it resolves.
   */
  open(lease: Lease): Promise<Lease>
  /** Moves a lease on; a change that would leave a final state (released, expired) is ignored and the lease returned. */
  advance(orderId: string, to: LeaseState, change: Change): Promise<Lease | undefined>
  /** Writes a lease that another memory knows, unless what is known here goes further. */
  restore(lease: Lease): Promise<void>
  get(orderId: string): Promise<Lease | undefined>
  /** p99 of a few milliseconds at thousands per second: reads memory, not a disk. */
  decide(query: PostureQuery, nowMs: number): Promise<Decision>
  /** Enforced leases that PEPs know of and that cover the query, the one that applies first: what this process has in memory. */
  covering(query: PostureQuery): readonly Lease[]
  /** A lease, ended ones included until their original end: what this process has in memory. */
  recall(orderId: string): Lease | undefined
  /** Leases of all tenants that await approval: what this process has in memory. */
  awaiting(): readonly Lease[]
  active(tenant: string, nowMs: number): Promise<readonly Lease[]>
  /** Leases whose end has passed and which are not final yet. */
  due(nowMs: number): Promise<readonly Lease[]>
  revision(): Promise<number>
  /**
   * What changed for PEPs after `since`, oldest first, over all tenants: the newest word per lease whose end has not
   * passed (PEPs drop the others by themselves). Undefined when `since` is not a revision of this posture.
   */
  changes(since: number, nowMs: number): Promise<readonly PostureChange[] | undefined>
  /** Calls `listener` for every such change from now on, also those that other processes make. Returns how to stop. */
  subscribe(listener: (change: PostureChange) => void): () => void
  close(): Promise<void>
}
