import type { Lease } from '../model/index.ts'
import type { Delivery, Gateway } from './gateway.ts'
import { isFinal } from './lease.ts'
import type { OutcomeParts } from './outcomes.ts'
import { heldWithin, holderOf } from './overlap.ts'
import type { DispatchJob, Handled } from './queue.ts'
import { delayBefore } from './retry.ts'

export interface ReleaseParts extends OutcomeParts {
  /** uniform in [0, 1) */
  readonly random: () => number
  /** one attempt, told to whoever observes */
  readonly deliver: (gateway: Gateway, job: DispatchJob, lease: Lease) => Promise<Delivery>
}

/** After so many attempts, about 15 s, people hear that the target is still held; it is tried on. */
const TELL_AT_ATTEMPT = 6
/** How long after its end a lease is still ended at who does not end it by itself. */
const KEEPER_PATIENCE_MS = 24 * 3_600_000
const DONE: Handled = { kind: 'done' }

/** Carries the end of a containment to the gateways. That one could not be told is a finding: somebody is held. */
export class Releases {
  private readonly parts: ReleaseParts

  constructor(parts: ReleaseParts) {
    this.parts = parts
  }

  async handle(job: DispatchJob, lease: Lease, gateway: Gateway): Promise<Handled> {
    const untilMs = job.order.expiresMs + (gateway.keepsUntilReleased ? KEEPER_PATIENCE_MS : 0)
    const isRenewed = job.revision < lease.revision && !isFinal(lease.state)
    if (isRenewed || this.parts.clock.now() >= untilMs) return DONE
    const others = gateway.keepsUntilReleased ? await this.othersAt(gateway, job) : []
    const holder = holderOf(job.order, others, this.parts.clock.now())
    if (holder !== undefined) return this.told(job, lease, `still held by ${holder.order.id}`)
    const delivery = await this.parts.deliver(gateway, job, lease)
    switch (delivery.kind) {
      case 'retry':
        return this.again(job, lease, untilMs, delivery)
      case 'gone':
      case 'refused':
        return this.lost(job, lease, `${delivery.kind}: ${delivery.why}`)
      case 'acknowledged':
        return this.acknowledged(job, lease, gateway, others, delivery)
    }
  }

  /** A gateway that nobody has configured any more, or that is gone. */
  lost(job: DispatchJob, lease: Lease, why: string): Handled {
    this.tellHeld(job, lease, why)
    return this.told(job, lease, why)
  }

  private async acknowledged(
    job: DispatchJob,
    lease: Lease,
    gateway: Gateway,
    others: readonly Lease[],
    { status, detail }: Extract<Delivery, { kind: 'acknowledged' }>,
  ): Promise<Handled> {
    for (const held of heldWithin(job.order, others, this.parts.clock.now())) {
      const again = await gateway.deliver('apply', held, 0)
      if (again.kind !== 'acknowledged')
        return this.again(job, lease, Number.POSITIVE_INFINITY, { why: `${held.order.id}: ${again.why}` })
    }
    return this.told(job, lease, detail === undefined ? status : `${status}: ${detail}`)
  }

  private async othersAt(gateway: Gateway, { order }: DispatchJob): Promise<readonly Lease[]> {
    const leases = await this.parts.posture.active(order.tenant, this.parts.clock.now())
    return leases.filter((lease) => gateway.cannot(lease.order) === undefined)
  }

  private again(
    job: DispatchJob,
    lease: Lease,
    untilMs: number,
    { why, afterMs }: { readonly why: string; readonly afterMs?: number },
  ): Handled {
    if (job.attempt + 1 === TELL_AT_ATTEMPT) this.tellHeld(job, lease, `not told yet: ${why}`)
    const leftMs = Math.max(0, untilMs - this.parts.clock.now())
    return { kind: 'again', afterMs: Math.min(delayBefore(job.attempt + 1, this.parts.random, afterMs), leftMs), why }
  }

  private tellHeld(job: DispatchJob, lease: Lease, why: string): void {
    this.parts.observe.notContained({ lease, gateway: job.gateway, kind: 'still_held', why })
  }

  private told({ gateway, attempt }: DispatchJob, lease: Lease, detail: string): Handled {
    const { history, clock } = this.parts
    history.add({ lease: { ...lease, detail }, atMs: clock.now(), gateway, attempt })
    return DONE
  }
}
