import type { Lease, Order } from '../model/index.ts'
import { leaseOf } from './lease.ts'
import type { OutcomeParts } from './outcomes.ts'
import type { DispatchJob, OrderQueue } from './queue.ts'

export interface PlacementParts extends OutcomeParts {
  readonly queue: OrderQueue
}

export type Job = Omit<DispatchJob, 'attempt'>

/** Opens the leases of orders and queues their delivery: what is done with every order, whoever gave it. */
export class Placement {
  private readonly parts: PlacementParts

  constructor(parts: PlacementParts) {
    this.parts = parts
  }

  /** Resolves when the orders survive a crash. Orders that only a person may let go, or monitor ones, are not queued. */
  async place(orders: readonly Order[]): Promise<void> {
    if (orders.length === 0) return
    const nowMs = this.parts.clock.now()
    // Together: the embedded parts share one commit. A job that is taken before its lease is there opens it itself.
    const jobs = orders.flatMap((order) => (order.approval === undefined ? this.jobs(order, 'apply', 1) : []))
    await Promise.all([this.parts.queue.put(jobs), ...orders.map((order) => this.open(order, nowMs))])
  }

  /** Tells every gateway of the order's tenant of a change. Safe to repeat. */
  async tell(order: Order, change: 'apply' | 'release', revision: number): Promise<void> {
    await this.put(this.jobs(order, change, revision))
  }

  put(jobs: readonly Job[]): Promise<void> {
    return this.parts.queue.put(jobs)
  }

  jobs(order: Order, change: 'apply' | 'release', revision: number): readonly Job[] {
    const { clock, routes } = this.parts
    // A lease that has ended is not worth a callback to a PEP, which would drop it on arrival.
    if (order.mode === 'monitor' || order.expiresMs <= clock.now()) return []
    return routes.namesFor(order).map((gateway) => ({ order, change, revision, gateway }))
  }

  /** Tells those of an end by time who cannot know of it. Safe to repeat. */
  async tellEnd({ order, revision }: Lease): Promise<void> {
    await this.put(
      this.parts.routes.keepersOf(order).map((gateway) => ({ order, change: 'release', revision, gateway })),
    )
  }

  private async open(order: Order, nowMs: number): Promise<void> {
    const { posture, history, observe } = this.parts
    const lease = leaseOf(order, nowMs)
    if ((await posture.open(lease)) !== lease) return
    observe.opened(order)
    history.add({ lease, atMs: nowMs })
    const why = order.mode === 'monitor' ? undefined : this.parts.routes.whyNobody(order)
    if (why !== undefined) observe.notContained({ lease, kind: 'unsupported', why })
  }
}
