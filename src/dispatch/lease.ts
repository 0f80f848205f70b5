import type { Lease, LeaseState, Order } from '../model/index.ts'

/**
 * The lease's state machine. States form one line, and a change only ever moves a lease up that line, so changes that
 * arrive late, twice or in another order (a retried callback, a slow acknowledgement, two gateways answering
 * differently) end in the same state: the furthest that any of them names. Two ends are final, whichever came first
 * stays: nothing resurrects a lease. A more hopeful word never hides a worse one: `ineffective` outranks `in_effect`.
 */
const RANK: Readonly<Record<LeaseState, number>> = {
  planned: 0,
  requested: 1,
  delivered: 2,
  refused: 3,
  unsupported: 4,
  acknowledged: 5,
  in_effect: 6,
  ineffective: 7,
  expired: 8,
  released: 8,
}

export interface Change {
  /** Unix milliseconds */
  readonly atMs: number
  readonly detail?: string
  /** who released it */
  readonly by?: string
}

/** A new lease: `planned` when it is only recorded, else `requested`. Revision 1. */
export function leaseOf(order: Order, nowMs: number): Lease {
  return { order, revision: 1, state: order.mode === 'monitor' ? 'planned' : 'requested', updatedMs: nowMs }
}

export function isFinal(state: LeaseState): boolean {
  return state === 'released' || state === 'expired'
}

/** What PEPs must obey now: enforced, not ended, not past its end. A monitor lease is never obeyed. */
export function isInForce(lease: Lease, nowMs: number): boolean {
  return lease.order.mode === 'enforce' && !isFinal(lease.state) && nowMs < lease.order.expiresMs
}

/**
 * The lease after a change; the same object when the change says nothing new. The revision rises only when what the
 * PEP should do changes, which after opening is its end. A monitor lease only ever ends.
 */
export function advanced(lease: Lease, to: LeaseState, change: Change): Lease {
  if (isFinal(lease.state) || RANK[to] <= RANK[lease.state]) return lease
  if (lease.order.mode === 'monitor' && !isFinal(to)) return lease
  if (to === 'expired' && change.atMs < lease.order.expiresMs) return lease
  return {
    ...lease,
    state: to,
    updatedMs: Math.max(lease.updatedMs, change.atMs),
    revision: isFinal(to) ? lease.revision + 1 : lease.revision,
    ...(to === 'acknowledged' && lease.appliedMs === undefined ? { appliedMs: change.atMs } : {}),
    ...(to === 'released' && change.by !== undefined ? { releasedBy: change.by } : {}),
    ...(change.detail === undefined ? {} : { detail: change.detail }),
  }
}

/** Joins what two copies know of one lease, for a store that lost its data and is filled from several memories. */
export function furthest(a: Lease, b: Lease): Lease {
  return RANK[b.state] > RANK[a.state] ? b : a
}
