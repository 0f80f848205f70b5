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
}

/** Leases that some gateways did not know, kept until another one did; the oldest is forgotten beyond this. */
const MAX_UNKNOWN = 10_000

/** What a gateway's word about an apply does to the lease: the same for a callback's answer and for a later POST. */
export class Outcomes {
  private readonly parts: OutcomeParts
  private readonly unknownTo = new Map<string, Set<string>>()

  constructor(parts: OutcomeParts) {
    this.parts = parts
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
    return moved
  }

  private async applied(lease: Lease, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { observe, clock } = this.parts
    this.unknownTo.delete(lease.order.id)
    const moved = await this.move(lease, 'acknowledged', by, detail)
    observe.acknowledged(moved, by.gateway, clock.now() - lease.order.evidence.receivedMs)
    return moved
  }

  /** One gateway of several need not know a session; a containment that none knows holds nobody. */
  private async notFound(lease: Lease, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { routes, history, observe, clock } = this.parts
    const { id, tenant } = lease.order
    const unknownTo = this.unknownTo.get(id) ?? new Set()
    this.unknownTo.set(id, unknownTo.add(by.gateway))
    const [oldest] = this.unknownTo.keys()
    if (this.unknownTo.size > MAX_UNKNOWN && oldest !== undefined) this.unknownTo.delete(oldest)
    history.add({ lease: { ...lease, detail: detail ?? 'not_found' }, atMs: clock.now(), ...by })
    if (routes.namesFor(tenant).every((name) => unknownTo.has(name))) {
      observe.notContained({ lease, kind: 'not_found', why: 'no gateway knows the target' })
    }
    return lease
  }

  private async move(lease: Lease, to: LeaseState, by: Answerer, detail: string | undefined): Promise<Lease> {
    const { posture, history, clock } = this.parts
    const atMs = clock.now()
    const change = { atMs, ...(detail === undefined ? {} : { detail }) }
    const moved = (await posture.advance(lease.order.id, to, change)) ?? lease
    history.add({ lease: moved, atMs, ...by })
    return moved
  }
}
