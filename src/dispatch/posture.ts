import type { Action, Lease, LeaseState } from '../model/index.ts'

/** Whom a PEP asks about: everything it knows of the call at hand. */
export interface PostureQuery {
  readonly tenant: string
  readonly session?: string
  readonly agent?: string
  readonly user?: string
  readonly server?: string
  readonly tool?: string
}

export interface Decision {
  readonly action: Action
  readonly containmentId?: string
  readonly expiresMs?: number
}

/**
 * What is contained now. Several leases may hold one target: the most severe answers, and releasing one frees only
 * that one. Monitor-mode leases are recorded and never answered. Every change raises the tenant-wide revision.
 */
export interface Posture {
  /** Idempotent by order id: a lease that exists is returned as it is. Durable when it resolves. */
  open(lease: Lease): Promise<Lease>
  /** Moves a lease on; a change that would leave a final state (released, expired) is ignored and the lease returned. */
  advance(
    orderId: string,
    to: LeaseState,
    change: { atMs: number; detail?: string; by?: string },
  ): Promise<Lease | undefined>
  get(orderId: string): Promise<Lease | undefined>
  /** p99 of a few milliseconds at thousands per second: reads memory, not a disk. */
  decide(query: PostureQuery, nowMs: number): Promise<Decision>
  active(tenant: string, nowMs: number): Promise<readonly Lease[]>
  /** Leases whose end has passed and which are not final yet. */
  due(nowMs: number): Promise<readonly Lease[]>
  revision(): Promise<number>
  close(): Promise<void>
}
