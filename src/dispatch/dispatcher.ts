import type { Lease } from '../model/index.ts'
import type { Delivery, Gateway } from './gateway.ts'
import { isFinal, leaseOf } from './lease.ts'
import type { Answerer, OutcomeParts, Outcomes } from './outcomes.ts'
import type { DispatchJob, Handled, OrderQueue } from './queue.ts'
import { Releases } from './release.ts'
import { delayBefore } from './retry.ts'

export interface DispatcherParts extends OutcomeParts {
  readonly queue: OrderQueue
  readonly outcomes: Outcomes
  /** uniform in [0, 1) */
  readonly random: () => number
}

/** A gateway that answered `pending` is asked again after this long when it has not called back. */
const PENDING_MS = 30_000
const DONE: Handled = { kind: 'done' }

/** Carries orders to the gateways and their answers back to the leases. Any number of processes may run one. */
export class Dispatcher {
  private readonly parts: DispatcherParts
  private readonly releases: Releases
  /** endpoints that said they are gone; asked again only by a new process, after people have looked */
  private readonly gone = new Set<string>()

  constructor(parts: DispatcherParts) {
    this.parts = parts
    this.releases = new Releases({ ...parts, deliver: (gateway, job, lease) => this.deliver(gateway, job, lease) })
  }

  /** Works until `signal` aborts and the deliveries in hand are done. */
  run(signal: AbortSignal): Promise<void> {
    return this.parts.queue.work((job) => this.handle(job), signal)
  }

  private async handle(job: DispatchJob): Promise<Handled> {
    const { posture, clock, routes } = this.parts
    const lease = (await posture.get(job.order.id)) ?? (await posture.open(leaseOf(job.order, clock.now())))
    const gateway = routes.gateway(job.gateway)
    if (job.change === 'release' && gateway !== undefined && !this.gone.has(job.gateway))
      return this.releases.handle(job, lease, gateway)
    if (this.isSettled(job, lease)) return DONE
    if (gateway === undefined)
      return this.give(job, lease, 'refused', `gateway ${job.gateway} is not configured any more`)
    if (this.gone.has(job.gateway)) return this.give(job, lease, 'gone', `the endpoint of ${job.gateway} is gone`)
    return this.settle(job, lease, await this.deliver(gateway, job, lease))
  }

  /**
   * Nothing to tell any more: an apply after its release or before its approval, one that a renewal overtook, a job whose
   * lease is over, a pending one that was applied.
   */
  private isSettled(job: DispatchJob, lease: Lease): boolean {
    const isOver = this.parts.clock.now() >= job.order.expiresMs
    if (job.change === 'release') return isOver
    if (lease.state === 'released' || lease.state === 'awaiting_approval' || job.revision < lease.revision) return true
    const isApplied = lease.appliedMs !== undefined || lease.state === 'in_effect'
    if (isOver && !isApplied) this.lapse(job, lease)
    return isOver || isFinal(lease.state) || (lease.state === 'acknowledged' && job.attempt > 0 && this.isOnly(job))
  }

  /** With one gateway an acknowledged lease is that gateway's word, so a pending job need not ask again. */
  private isOnly(job: DispatchJob): boolean {
    return this.parts.routes.namesFor(job.order).length === 1
  }

  private lapse(job: DispatchJob, lease: Lease): void {
    const why = `the lease ended before ${job.gateway} acknowledged it`
    this.parts.observe.notContained({ lease, gateway: job.gateway, kind: 'ended', why })
  }

  private async deliver(gateway: Gateway, job: DispatchJob, lease: Lease): Promise<Delivery> {
    const { clock, observe } = this.parts
    const startedMs = clock.now()
    const delivery = await gateway.deliver(job.change, { ...lease, revision: job.revision }, job.attempt)
    observe.attempted(job, delivery, clock.now() - startedMs)
    return delivery
  }

  private async settle(job: DispatchJob, lease: Lease, delivery: Delivery): Promise<Handled> {
    switch (delivery.kind) {
      case 'retry':
        return this.again(job, delayBefore(job.attempt + 1, this.parts.random, delivery.afterMs), delivery.why)
      case 'gone':
        this.gone.add(job.gateway)
        return this.give(job, lease, 'gone', delivery.why)
      case 'refused':
        return this.give(job, lease, 'refused', delivery.why)
      case 'acknowledged':
        await this.parts.outcomes.acknowledged(lease, by(job), delivery.status, delivery.detail)
        return delivery.status === 'pending' ? this.again(job, PENDING_MS, 'pending') : DONE
    }
  }

  /** Never later than the end of the lease: that a containment was never in effect is told when it ends. */
  private again(job: DispatchJob, afterMs: number, why: string): Handled {
    const leftMs = Math.max(0, job.order.expiresMs - this.parts.clock.now())
    return { kind: 'again', afterMs: Math.min(afterMs, leftMs), why }
  }

  private async give(job: DispatchJob, lease: Lease, kind: 'refused' | 'gone', why: string): Promise<Handled> {
    if (job.change === 'release') return this.releases.lost(job, lease, `${kind}: ${why}`)
    await this.parts.outcomes.failed(lease, by(job), kind, why)
    return DONE
  }
}

function by({ gateway, attempt, revision }: DispatchJob): Answerer {
  return { gateway, attempt, revision }
}
