import type { Lease, LeaseState, Order } from '../model/index.ts'

/**
 * The lease's state machine. States form one line, and a change only ever moves a lease up that line, so changes that
 * arrive late, twice or in another order (a retried callback, a slow acknowledgement, two gateways answering
 * differently) end in the same state: the furthest that any of them names. Two ends are final, whichever came first
 * stays: nothing resurrects a lease. A more hopeful word never hides a worse one: `ineffective` outranks `in_effect`.
 * Only a renewal begins the line again, under a higher revision; words about an earlier revision are late then.
 */
const RANK: Readonly<Record<LeaseState, number>> = {
  planned: 0,
  awaiting_approval: 1,
  requested: 2,
  renewed: 2,
  delivered: 3,
  refused: 4,
  unsupported: 5,
  acknowledged: 6,
  in_effect: 7,
  ineffective: 8,
  expired: 9,
  released: 9,
}

export interface Change {
  /** Unix milliseconds */
  readonly atMs: number
  readonly detail?: string
  /** who released it */
  readonly by?: string
  /** the revision that this is a word about; of the newest when absent */
  readonly revision?: number
  /** of a renewal: the new end */
  readonly expiresMs?: number
}

/** A new lease, revision 1: `planned` when it is only recorded, `awaiting_approval` when a person must say yes first. */
export function leaseOf(order: Order, nowMs: number): Lease {
  const lease = { order, revision: 1, updatedMs: nowMs }
  if (order.mode === 'monitor') return { ...lease, state: 'planned' }
  if (order.approval !== undefined) return { ...lease, state: 'awaiting_approval' }
  return { ...lease, state: 'requested', requestedMs: nowMs }
}

export function isFinal(state: LeaseState): boolean {
  return state === 'released' || state === 'expired'
}

/** What PEPs know of: enforced, approved where that is needed, not ended. */
export function isTold(lease: Lease): boolean {
  return lease.order.mode === 'enforce' && !isFinal(lease.state) && lease.state !== 'awaiting_approval'
}

/** What PEPs must obey now: told and not past its end. A monitor lease is never obeyed. */
export function isInForce(lease: Lease, nowMs: number): boolean {
  return isTold(lease) && nowMs < lease.order.expiresMs
}

/**
 * The lease after a change; the same object when the change says nothing new. The revision rises only when what the
 * PEP should do changes: an approval, a renewal, the end. A monitor lease only ever ends, one that awaits approval is
 * requested or ends.
 */
export function advanced(lease: Lease, to: LeaseState, change: Change): Lease {
  if (isFinal(lease.state)) return lease
  if (to === 'renewed') return renewed(lease, change)
  if (isFinal(to)) return ended(lease, to, change)
  if (RANK[to] <= RANK[lease.state] || lease.order.mode === 'monitor') return lease
  if (change.revision !== undefined && change.revision < lease.revision) return lease
  const isApproval = lease.state === 'awaiting_approval'
  if (isApproval && to !== 'requested') return lease
  return {
    ...moved(lease, to, change),
    ...(isApproval ? { revision: lease.revision + 1, requestedMs: change.atMs } : {}),
    ...(to === 'acknowledged' && lease.appliedMs === undefined ? { appliedMs: change.atMs } : {}),
  }
}

function ended(lease: Lease, to: LeaseState, change: Change): Lease {
  if (to === 'expired' && change.atMs < lease.order.expiresMs) return lease
  return {
    ...moved(lease, to, change),
    revision: lease.revision + 1,
    ...(to === 'released' && change.by !== undefined ? { releasedBy: change.by } : {}),
  }
}

/** PEPs hear of the new end; that a lease does not hold is not forgotten by making it longer. */
function renewed(lease: Lease, change: Change): Lease {
  const expiresMs = change.expiresMs ?? 0
  if (!isTold(lease) || expiresMs <= lease.order.expiresMs) return lease
  const state = lease.state === 'ineffective' ? lease.state : 'renewed'
  return { ...moved(lease, state, change), revision: lease.revision + 1, order: { ...lease.order, expiresMs } }
}

function moved(lease: Lease, state: LeaseState, { atMs, detail }: Change): Lease {
  const updatedMs = Math.max(lease.updatedMs, atMs)
  return { ...lease, state, updatedMs, ...(detail === undefined ? {} : { detail }) }
}

/** Joins what two copies know of one lease, for a store that lost its data and is filled from several memories. */
export function furthest(a: Lease, b: Lease): Lease {
  if (isFinal(a.state) || isFinal(b.state)) return isFinal(a.state) ? a : b
  if (a.revision !== b.revision) return b.revision > a.revision ? b : a
  return RANK[b.state] > RANK[a.state] ? b : a
}
