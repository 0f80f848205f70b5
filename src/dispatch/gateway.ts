import type { Lease, Order } from '../model/index.ts'

/** What a gateway answered, as the contract's acknowledgement states and the retry rules read it. */
export type Delivery =
  | {
      readonly kind: 'acknowledged'
      readonly status: 'applied' | 'duplicate' | 'unsupported' | 'not_found' | 'pending'
      readonly appliedMs?: number
      readonly detail?: string
    }
  /** try again: network, time-out, 408, 409, 425, 429, 5xx */
  | { readonly kind: 'retry'; readonly why: string; readonly afterMs?: number }
  /** another 4xx: do not try again, tell people */
  | { readonly kind: 'refused'; readonly why: string }
  /** 410: the endpoint is gone, tell people */
  | { readonly kind: 'gone'; readonly why: string }

/** Whoever can carry out containment: a webhook receiver, an admin API, an identity provider. */
export interface Gateway {
  readonly name: string
  /**
   * Somebody must tell it when a lease ends by its time: it is no PEP, and would hold the target for ever. Then a release
   * is delivered at that moment, too, unless another lease that it can carry out still holds the same target.
   */
  readonly keepsUntilReleased: boolean
  /**
   * Why it cannot carry out such an order, as a sentence; undefined when it can. Known without asking the other side and
   * always the same for the same order, so that nothing is sent where it would be lost.
   */
  cannot(order: Order): string | undefined
  /** One attempt, bounded in time. Never rejects for what the other side does: that is a value. Safe to repeat. */
  deliver(change: 'apply' | 'release' | 'ping', lease: Lease, attempt: number): Promise<Delivery>
}
