import type { Lease, LeaseState } from '../model/index.ts'
import type { Clock } from './clock.ts'
import type { Delivery } from './gateway.ts'
import type { History } from './history.ts'
import type { DispatchObserver, NotContained } from './observer.ts'
import type { Posture } from './posture.ts'
import type { Routes } from './routes.ts'

export interface OutcomeParts {
  readonly posture: Posture
  readonly routes: Routes
  readonly history: History
  readonly observe: DispatchObserver
  readonly clock: Clock
}

export type Acknowledged = Extract<Delivery, { kind: 'acknowledged' }>['status']

/** Who answered, and at which attempt. */
export interface Answerer {
  readonly gateway: string
  readonly attempt?: number
  /** the revision that was delivered; the newest when absent */
  readonly revision?: number
}

/** What goes further than a containment that nobody carries out. */
export interface Further {
  after(lease: Lease, failed: 'not_taken', why: string): Promise<boolean>
}

/** Leases that some gateways did not take, kept until another one did; the oldest is forgotten beyond this. */
const MAX_NOT_TAKEN = 10_000

/** What a gateway's word about an apply does to the lease: the same for a callback's answer and for a later POST. */
export class Outcomes {
  private readonly parts: OutcomeParts
  private readonly further: Further
  private readonly notTaken = new Map<string, Map<string, NotContained['kind']>>()

  constructor(parts: OutcomeParts, further: Further) {
    this.parts = parts
    this.further = further
  }

  async acknowledged(lease: Lease, by: Answerer, status: Acknowledged, detail?: string): Promise<Lease> {
    switch (status) {
      case 'applied':
      case 'duplicate':
        return this.applied(lease, by, detail)
      case 'pending':
        return this.move(lease, 'delivered', by, detail)
      case 'unsupported':
        return this.failed(lease, by, 'unsupported', detail ?? 'the gateway does not support this action')
      case 'not_found':
        return this.notFound(lease, by, detail)
    }
  }

  /** The gateway will not carry it out. */
  async failed(lease: Lease, by: Answerer, kind: NotContained['kind'], why: string): Promise<Lease> {
    const to = kind === 'unsupported' ? 'unsupported' : 'refused'
    const moved = kind === 'ended' ? lease : await this.move(lease, to, by, why)
    this.parts.observe.notContained({ lease: moved, gateway: by.gateway, kind, why })
    if (kind !== 'ended' && this.isTakenByNobody(moved, by.gateway, kind))
      await this.further.after(moved, 'not_taken', why)
    return moved
  }

  private async applied(lease: Lease, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { observe, clock } = this.parts
    this.notTaken.delete(lease.order.id)
    const moved = await this.move(lease, 'acknowledged', by, detail)
    observe.acknowledged(moved, by.gateway, clock.now() - lease.order.evidence.receivedMs)
    return moved
  }

  /** One gateway of several need not know a session; a containment that none knows holds nobody. */
  private async notFound(lease: Lease, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { history, observe, clock } = this.parts
    history.add({ lease: { ...lease, detail: detail ?? 'not_found' }, atMs: clock.now(), ...answerer(by) })
    if (!this.isTakenByNobody(lease, by.gateway, 'not_found')) return lease
    const others = [...(this.notTaken.get(lease.order.id)?.values() ?? [])].some((kind) => kind !== 'not_found')
    if (others) await this.further.after(lease, 'not_taken', 'no gateway carries it out')
    else observe.notContained({ lease, kind: 'not_found', why: 'no gateway knows the target' })
    return lease
  }

  /** Remembers that this gateway did not take the lease, and says whether none of its gateways did. */
  private isTakenByNobody({ order, state }: Lease, gateway: string, kind: NotContained['kind']): boolean {
    const by = this.notTaken.get(order.id) ?? new Map<string, NotContained['kind']>()
    this.notTaken.set(order.id, by.set(gateway, kind))
    const [oldest] = this.notTaken.keys()
    if (this.notTaken.size > MAX_NOT_TAKEN && oldest !== undefined) this.notTaken.delete(oldest)
    return !TAKEN.has(state) && this.parts.routes.namesFor(order).every((name) => by.has(name))
  }

  private async move(lease: Lease, to: LeaseState, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { posture, history, clock } = this.parts
    const atMs = clock.now()
    const { revision } = by
    const change = {
      atMs,
      ...(detail === undefined ? {} : { detail }),
      ...(revision === undefined ? {} : { revision }),
    }
    const moved = (await posture.advance(lease.order.id, to, change)) ?? lease
    history.add({ lease: moved, atMs, ...answerer(by) })
    return moved
  }
}

/** A gateway has it: what another one says does not undo that. */
const TAKEN: ReadonlySet<LeaseState> = new Set(['acknowledged', 'in_effect', 'ineffective', 'released', 'expired'])

function answerer({ gateway, attempt }: Answerer): { readonly gateway: string; readonly attempt?: number } {
  return { gateway, ...(attempt === undefined ? {} : { attempt }) }
}
