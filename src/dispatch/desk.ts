import type { Lease, Level, Observation, Order, Severity, Target } from '../model/index.ts'
import type { Escalation } from './escalation.ts'
import { isFinal, isTold, leaseOf } from './lease.ts'
import { orderId } from './order-id.ts'
import type { Acknowledged, OutcomeParts, Outcomes } from './outcomes.ts'
import type { Placement } from './placement.ts'

export interface DeskParts extends OutcomeParts {
  readonly placement: Placement
  readonly outcomes: Outcomes
  readonly escalation: Escalation
  /** holds automatic orders to their budget */
  readonly guard: { admit(order: Order): Order }
  /** whether a person let this call pass */
  readonly letPass: (tenant: string, callId: string) => Promise<boolean>
}

/** A containment that a person asks for. */
export interface ContainRequest {
  readonly tenant: string
  readonly level: Level
  readonly target: Target
  readonly reason: string
  readonly severity: Severity
  readonly leaseMs: number
  /** who asks */
  readonly by: string
}

/** A gateway's late word on an order that it had answered with `pending`. */
export interface LateAcknowledgement {
  readonly status: Acknowledged
  readonly detail?: string
  /** who says so */
  readonly by: string
}

/** More than a crash can have kept from the history, and fewer than would crowd out what is new. */
const RETOLD = 10_000

/**
 * Takes orders durably, from the pipeline and from people, and what the stream shows of them. Every method may be
 * repeated: leases are known by order id, jobs by order, revision, change and gateway, so a call that was cut short
 * between the two is completed by the next one, or by `reconcile` at the next start.
 */
export class ContainmentDesk {
  private readonly parts: DeskParts

  constructor(parts: DeskParts) {
    this.parts = parts
  }

  /** Resolves when the orders survive a crash. Monitor orders are recorded and never queued. */
  place(orders: readonly Order[]): Promise<void> {
    return this.parts.placement.place(orders.map((order) => this.parts.guard.admit(order)))
  }

  async contain(request: ContainRequest): Promise<Lease> {
    const { posture, clock } = this.parts
    const nowMs = clock.now()
    const { tenant, level, target, reason, severity, by } = request
    const identity = { tenant, level, target, cause: OPERATOR, issuedMs: nowMs }
    const order: Order = {
      ...identity,
      id: orderId(identity),
      reason,
      severity,
      score: 1,
      findingId: '',
      rules: [],
      expiresMs: nowMs + request.leaseMs,
      mode: 'enforce',
      evidence: { source: OPERATOR, id: by, callId: '', receivedMs: nowMs },
    }
    await this.parts.placement.place([order])
    return (await posture.get(order.id)) ?? leaseOf(order, nowMs)
  }

  /** Frees exactly this containment. Undefined when there is none; a lease that has ended is returned as it is. */
  async release(orderId: string, by: string, reason: string): Promise<Lease | undefined> {
    const { posture, placement, clock } = this.parts
    const before = await posture.get(orderId)
    if (before === undefined) return undefined
    const atMs = clock.now()
    const lease = (await posture.advance(orderId, 'released', { atMs, by, detail: reason })) ?? before
    // Also when it had been released before: that call may have ended between the two steps.
    if (lease.state === 'released' && lease.requestedMs !== undefined)
      await placement.tell(lease.order, 'release', lease.revision)
    if (!isFinal(before.state)) this.ended(lease, atMs)
    return lease
  }

  /** Makes a containment last until `leaseMs` from now; a shorter one stays as it is. Undefined when there is none. */
  async renew(orderId: string, leaseMs: number, by: string): Promise<Lease | undefined> {
    const atMs = this.parts.clock.now()
    const change = { atMs, expiresMs: atMs + leaseMs, detail: `renewed by ${by}` }
    return this.tellAnew(orderId, 'renewed', change)
  }

  /** A person, or the policy after its time, lets a containment go that awaited approval. Undefined when there is none. */
  async approve(orderId: string, detail: string): Promise<Lease | undefined> {
    return this.tellAnew(orderId, 'requested', { atMs: this.parts.clock.now(), detail })
  }

  /** The word of a gateway that had answered `pending`. Undefined when there is no such containment. */
  async acknowledge(orderId: string, word: LateAcknowledgement): Promise<Lease | undefined> {
    const lease = await this.parts.posture.get(orderId)
    if (lease === undefined || isFinal(lease.state)) return lease
    return this.parts.outcomes.acknowledged(lease, { gateway: word.by }, word.status, word.detail)
  }

  /** What the stream showed of containments. One that does not hold is told, and the next rung is ordered. */
  async observed(observations: readonly Observation[]): Promise<void> {
    const { posture, history, letPass } = this.parts
    for (const { orderId, state, atMs, event, why } of observations) {
      const before = await posture.get(orderId)
      if (before === undefined) continue
      if (state === 'still_held') {
        this.parts.observe.notContained({ lease: before, kind: state, why })
        continue
      }
      const { level, tenant } = before.order
      if (state === 'ineffective' && level === 'require_step_up' && (await letPass(tenant, event.callId))) continue
      const lease = (await posture.advance(orderId, state, { atMs, detail: why })) ?? before
      if (lease.state !== state || before.state === state) continue
      history.add({ lease, atMs })
      if (state === 'ineffective') await this.goFurther(lease, why)
    }
  }

  /** Ends the leases whose time has passed; PEPs have dropped them by themselves. Returns how many. */
  async expire(nowMs: number): Promise<number> {
    const { posture, placement } = this.parts
    const due = await posture.due(nowMs)
    for (const one of due) {
      const { order } = one
      // Before the lease is marked: after a crash between the two it is still due.
      if (isTold(one)) await placement.tellEnd(one)
      const lease = await posture.advance(order.id, 'expired', { atMs: nowMs })
      if (lease?.state === 'expired') this.ended(lease, nowMs)
    }
    return due.length
  }

  /**
   * Queues whatever a crash, or a Redis that lost its data, left unqueued, and tells the history again how containments
   * stand: what had not been written of it was in memory only. Called at start, before work begins, and after such a loss.
   */
  async reconcile(): Promise<void> {
    const { posture, placement, clock, history, escalation } = this.parts
    const changes = (await posture.changes(0, clock.now())) ?? []
    for (const { lease } of changes.slice(-RETOLD)) history.add({ lease, atMs: lease.updatedMs })
    await placement.put(changes.flatMap(({ change, lease }) => placement.jobs(lease.order, change, lease.revision)))
    for (const { lease } of changes)
      if (lease.state === 'ineffective')
        await escalation.after(lease, 'ineffective', lease.detail ?? 'a call succeeded')
  }

  private async tellAnew(
    orderId: string,
    to: 'requested' | 'renewed',
    change: { readonly atMs: number; readonly detail: string; readonly expiresMs?: number },
  ): Promise<Lease | undefined> {
    const { posture, placement, history } = this.parts
    const before = await posture.get(orderId)
    const lease = await posture.advance(orderId, to, change)
    if (lease === undefined || isFinal(lease.state) || lease.requestedMs === undefined) return lease
    // Also when that was done before: a crash may have come between the two steps.
    await placement.tell(lease.order, 'apply', lease.revision)
    if (before?.revision !== lease.revision) history.add({ lease, atMs: change.atMs })
    return lease
  }

  private async goFurther(lease: Lease, why: string): Promise<void> {
    const { observe, escalation } = this.parts
    observe.notContained({ lease, kind: 'ineffective', why })
    await escalation.after(lease, 'ineffective', why)
  }

  private ended(lease: Lease, atMs: number): void {
    this.parts.history.add({ lease, atMs })
    this.parts.observe.ended(lease)
  }
}

/** The cause of orders that people give. */
export const OPERATOR = 'operator'
