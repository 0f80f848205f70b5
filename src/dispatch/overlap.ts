import type { Lease, Order, Target } from '../model/index.ts'
import { isInForce } from './lease.ts'

/*
 * Who is told to switch a tool or server on again switches it on whoever else holds it, and with a server all of its
 * tools. So before such a release is delivered, the other leases at hand say whether it may be, and what it undoes.
 */

/** The lease, other than this one, that still holds the order's target: the same, or the server of its tool. */
export function holderOf(order: Order, leases: readonly Lease[], nowMs: number): Lease | undefined {
  return leases.find(
    (lease) =>
      isOther(lease, order, nowMs) &&
      (isSame(lease.order.target, order.target) || isWithin(order.target, lease.order.target)),
  )
}

/** Leases that hold a tool of the order's target, a server. */
export function heldWithin(order: Order, leases: readonly Lease[], nowMs: number): readonly Lease[] {
  return leases.filter((lease) => isOther(lease, order, nowMs) && isWithin(lease.order.target, order.target))
}

function isOther(lease: Lease, order: Order, nowMs: number): boolean {
  return lease.order.id !== order.id && isInForce(lease, nowMs)
}

function isSame(a: Target, b: Target): boolean {
  return a.kind === b.kind && a.id === b.id && a.agent === b.agent
}

function isWithin(tool: Target, server: Target): boolean {
  return tool.kind === 'tool' && server.kind === 'server' && tool.id.startsWith(`${server.id}/`)
}
