import type { Lease, Level, Order, Severity, Target } from '../model/index.ts'
import { isFinal, leaseOf } from './lease.ts'
import { orderId } from './order-id.ts'
import type { Acknowledged, OutcomeParts, Outcomes } from './outcomes.ts'
import type { DispatchJob, OrderQueue } from './queue.ts'

export interface DeskParts extends OutcomeParts {
  readonly queue: OrderQueue
  readonly outcomes: Outcomes
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

type Job = Omit<DispatchJob, 'attempt'>

/**
 * Takes orders durably, from the pipeline and from people: opens their leases, queues their delivery. Every method may
 * be repeated: leases are known by order id, jobs by order, revision, change and gateway, so a call that was cut short
 * between the two is completed by the next one, or by `reconcile` at the next start.
 */
export class ContainmentDesk {
  private readonly parts: DeskParts

  constructor(parts: DeskParts) {
    this.parts = parts
  }

  /** Resolves when the orders survive a crash. Monitor orders are recorded and never queued. */
  async place(orders: readonly Order[]): Promise<void> {
    if (orders.length === 0) return
    const nowMs = this.parts.clock.now()
    // Together: the embedded parts share one commit. A job that is taken before its lease is there opens it itself.
    const jobs = orders.flatMap((order) => this.jobs(order, 'apply', 1, nowMs))
    await Promise.all([this.parts.queue.put(jobs), ...orders.map((order) => this.open(order, nowMs))])
  }

  async contain(request: ContainRequest): Promise<Lease> {
    const { posture, clock } = this.parts
    const nowMs = clock.now()
    const { tenant, level, target, reason, severity, by } = request
    const identity = { tenant, level, target, cause: 'operator', issuedMs: nowMs }
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
      evidence: { source: 'operator', id: by, callId: '', receivedMs: nowMs },
    }
    await this.place([order])
    return (await posture.get(order.id)) ?? leaseOf(order, nowMs)
  }

  /** Frees exactly this containment. Undefined when there is none; a lease that has ended is returned as it is. */
  async release(orderId: string, by: string, reason: string): Promise<Lease | undefined> {
    const { posture, queue, clock } = this.parts
    const before = await posture.get(orderId)
    if (before === undefined) return undefined
    const atMs = clock.now()
    const lease = (await posture.advance(orderId, 'released', { atMs, by, detail: reason })) ?? before
    // Also when it had been released before: that call may have ended between the two steps.
    if (lease.state === 'released') await queue.put(this.jobs(lease.order, 'release', lease.revision, atMs))
    if (!isFinal(before.state)) this.ended(lease, atMs)
    return lease
  }

  /** The word of a gateway that had answered `pending`. Undefined when there is no such containment. */
  async acknowledge(orderId: string, word: LateAcknowledgement): Promise<Lease | undefined> {
    const lease = await this.parts.posture.get(orderId)
    if (lease === undefined || isFinal(lease.state)) return lease
    return this.parts.outcomes.acknowledged(lease, { gateway: word.by }, word.status, word.detail)
  }

  /** Ends the leases whose time has passed; PEPs have dropped them by themselves. Returns how many. */
  async expire(nowMs: number): Promise<number> {
    const { posture } = this.parts
    const due = await posture.due(nowMs)
    for (const { order } of due) {
      const lease = await posture.advance(order.id, 'expired', { atMs: nowMs })
      if (lease?.state === 'expired') this.ended(lease, nowMs)
    }
    return due.length
  }

  /**
   * Queues whatever a crash left unqueued, and tells the history again how containments stand: what had not been
   * written of it was in memory only. Called once at start, before work begins.
   */
  async reconcile(): Promise<void> {
    const { posture, queue, clock, history } = this.parts
    const nowMs = clock.now()
    const changes = (await posture.changes(0, nowMs)) ?? []
    for (const { lease } of changes.slice(-RETOLD)) history.add({ lease, atMs: lease.updatedMs })
    await queue.put(changes.flatMap(({ change, lease }) => this.jobs(lease.order, change, lease.revision, nowMs)))
  }

  private async open(order: Order, nowMs: number): Promise<void> {
    const { posture, history, observe } = this.parts
    const lease = leaseOf(order, nowMs)
    if ((await posture.open(lease)) !== lease) return
    observe.opened(order)
    history.add({ lease, atMs: nowMs })
  }

  private jobs(order: Order, change: 'apply' | 'release', revision: number, nowMs: number): readonly Job[] {
    // A lease that has ended is not worth a callback: the PEP would drop it on arrival.
    if (order.mode === 'monitor' || order.expiresMs <= nowMs) return []
    return this.parts.routes.namesFor(order.tenant).map((gateway) => ({ order, change, revision, gateway }))
  }

  private ended(lease: Lease, atMs: number): void {
    this.parts.history.add({ lease, atMs })
    this.parts.observe.ended(lease)
  }
}
