import type { Order } from '../model/index.ts'
import type { Live } from './census.ts'
import type { PostureChange } from './posture.ts'

export interface BlastPolicy {
  /** share of what is live, 0..1, that automatic orders may contain within an hour */
  readonly share: Live
  /** as many may be contained in any case: a share of a small fleet is nothing */
  readonly floor: Live
  /** agents, tools (`server/name`) or servers of which one must stay free */
  readonly redundantPairs: readonly (readonly [string, string])[]
  /** after a person released a target, automatic orders for it await approval for this long */
  readonly coolDownMs: number
}

/** A budget that was used up: told once per tenant, kind and hour. */
export interface OverBudget {
  readonly tenant: string
  readonly kind: keyof Live
  readonly contained: number
  readonly allowed: number
  readonly live: number
  readonly atMs: number
}

export interface BlastParts {
  readonly policy: BlastPolicy
  live(tenant: string): Live
  readonly now: () => number
  /** must not throw */
  overBudget(over: OverBudget): void
}

const HOUR_MS = 3_600_000
const KINDS = ['sessions', 'agents', 'tools'] as const

/**
 * Holds automatic containment to a budget per tenant and hour, so that one bad rule suspends no fleet. What it does not
 * let pass awaits a person's approval. What other processes and earlier runs ordered is heard from the posture; two
 * processes that order at the same moment can exceed the budget by what was on its way.
 */
export class BlastRadius {
  private readonly parts: BlastParts
  private readonly contained = new Map<string, Recent>()
  private readonly holding = new Map<string, Map<string, number>>()
  private readonly released = new Map<string, { readonly untilMs: number; readonly by: string }>()
  private readonly told = new Map<string, number>()

  constructor(parts: BlastParts) {
    this.parts = parts
  }

  /** The order as it may be placed: unchanged, or awaiting approval with the reason why. */
  admit(order: Order): Order {
    if (order.mode === 'monitor' || order.approval !== undefined) return order
    const approval = this.coolDown(order) ?? this.redundancy(order) ?? this.budget(order)
    if (approval !== undefined) return { ...order, approval }
    this.count(order, this.parts.now())
    return order
  }

  /** What PEPs were told, by whomever. */
  note({ change, lease }: PostureChange): void {
    const { order } = lease
    if (change === 'apply') {
      this.hold(order)
      if (isAutomatic(order)) this.count(order, lease.requestedMs ?? lease.updatedMs)
      return
    }
    for (const name of namesOf(order)) this.holding.get(`${order.tenant}\u001f${name}`)?.delete(order.id)
    if (lease.state !== 'released' || lease.releasedBy === undefined) return
    const untilMs = lease.updatedMs + this.parts.policy.coolDownMs
    this.released.set(targetKey(order), { untilMs, by: lease.releasedBy })
    for (const [key, { untilMs: endMs }] of this.released) {
      if (endMs > this.parts.now()) break
      this.released.delete(key)
    }
  }

  private coolDown(order: Order): string | undefined {
    const last = this.released.get(targetKey(order))
    if (last === undefined || last.untilMs <= this.parts.now()) return undefined
    return `${last.by} released this ${order.target.kind} a moment ago; it cools down until ${new Date(last.untilMs).toISOString()}`
  }

  private redundancy(order: Order): string | undefined {
    for (const name of namesOf(order)) {
      for (const [a, b] of this.parts.policy.redundantPairs) {
        const other = name === a ? b : name === b ? a : undefined
        if (other !== undefined && this.isHeld(order.tenant, other))
          return `${other} is contained, and ${name} is what stands in for it`
      }
    }
    return undefined
  }

  private budget(order: Order): string | undefined {
    const { policy, now } = this.parts
    const touched = touchedBy(order)
    const live = this.parts.live(order.tenant)
    for (const kind of KINDS) {
      const id = touched[kind]
      if (id === undefined) continue
      const recent = this.recent(order.tenant, kind)
      const contained = recent.size(now())
      const allowed = Math.max(policy.floor[kind], Math.floor(policy.share[kind] * live[kind]))
      if (contained < allowed || recent.has(id)) continue
      this.tellOnce({ tenant: order.tenant, kind, contained, allowed, live: live[kind], atMs: now() })
      return `blast radius: ${contained} of ${live[kind]} live ${kind} were contained within an hour, ${allowed} may be`
    }
    return undefined
  }

  private count(order: Order, atMs: number): void {
    const touched = touchedBy(order)
    for (const kind of KINDS) {
      const id = touched[kind]
      if (id !== undefined) this.recent(order.tenant, kind).add(id, atMs)
    }
    this.hold(order)
  }

  private hold(order: Order): void {
    if (this.parts.policy.redundantPairs.length === 0) return
    for (const name of namesOf(order)) {
      const key = `${order.tenant}\u001f${name}`
      const orders = this.holding.get(key) ?? new Map<string, number>()
      this.holding.set(key, orders.set(order.id, order.expiresMs))
    }
  }

  private isHeld(tenant: string, name: string): boolean {
    const nowMs = this.parts.now()
    return [...(this.holding.get(`${tenant}\u001f${name}`)?.values() ?? [])].some((endsMs) => endsMs > nowMs)
  }

  private recent(tenant: string, kind: keyof Live): Recent {
    const key = `${tenant}\u001f${kind}`
    const known = this.contained.get(key)
    if (known !== undefined) return known
    const made = new Recent()
    this.contained.set(key, made)
    return made
  }

  private tellOnce(over: OverBudget): void {
    const key = `${over.tenant}\u001f${over.kind}`
    const hour = Math.floor(over.atMs / HOUR_MS)
    if (this.told.get(key) === hour) return
    this.told.set(key, hour)
    this.parts.overBudget(over)
  }
}

/** Distinct names of the last hour, oldest first. */
class Recent {
  private readonly atMs = new Map<string, number>()

  add(id: string, atMs: number): void {
    const known = this.atMs.get(id) ?? Number.NEGATIVE_INFINITY
    this.atMs.delete(id)
    this.atMs.set(id, Math.max(known, atMs))
  }

  has(id: string): boolean {
    return this.atMs.has(id)
  }

  size(nowMs: number): number {
    for (const [id, atMs] of this.atMs) {
      if (atMs > nowMs - HOUR_MS) break
      this.atMs.delete(id)
    }
    return this.atMs.size
  }
}

/** Nobody asked for it, a person or a lease that did not hold. */
function isAutomatic({ cause, follows, approval }: Order): boolean {
  return cause !== 'operator' && follows === undefined && approval === undefined
}

function touchedBy({ target }: Order): Partial<Record<keyof Live, string>> {
  switch (target.kind) {
    case 'session':
      return {
        sessions: `${target.agent ?? ''}\u001f${target.id}`,
        ...(target.agent === undefined ? {} : { agents: target.agent }),
      }
    case 'agent':
    case 'user':
      return { agents: target.id }
    case 'tool':
    case 'server':
      return { tools: target.id }
    case 'role':
    case 'tenant':
      return {}
  }
}

function namesOf({ target }: Order): readonly string[] {
  if (target.kind === 'session') return target.agent === undefined ? [] : [target.agent]
  return [target.id]
}

function targetKey({ tenant, target }: Order): string {
  return `${tenant}\u001f${target.kind}\u001f${target.id}\u001f${target.agent ?? ''}`
}
