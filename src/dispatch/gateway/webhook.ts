import type { Lease } from '../../model/index.ts'
import type { Delivery, Gateway } from '../gateway.ts'
import { iso, wireContainment } from '../wire.ts'
import { readAnswer } from './acknowledgement.ts'
import { unanswered } from './exchange.ts'
import { SignedPost, type SignedPostOptions } from './signed-post.ts'

const MAX_BODY_BYTES = 20_000

/** Tells a PEP over a signed HTTP callback (Standard Webhooks), body and acknowledgement as the contract writes them. */
export class WebhookGateway implements Gateway {
  readonly name: string
  /** a PEP drops a lease at its end by itself */
  readonly keepsUntilReleased = false
  private readonly signed: SignedPost
  private readonly now: () => number

  /** Throws GatewayConfigError. */
  constructor(options: SignedPostOptions, now: () => number) {
    this.name = options.name
    this.now = now
    this.signed = new SignedPost(options, now)
  }

  /** A PEP says itself what it does not support. */
  cannot(): undefined {
    return undefined
  }

  async deliver(change: 'apply' | 'release' | 'ping', lease: Lease, _attempt: number): Promise<Delivery> {
    const body = bodyOf(change, lease, this.now())
    if (Buffer.byteLength(body) >= MAX_BODY_BYTES) {
      return { kind: 'refused', why: `the order is too large for a callback of ${MAX_BODY_BYTES} bytes` }
    }
    try {
      const answer = await this.signed.post(`${lease.order.id}:${lease.revision}:${change}`, body)
      return readAnswer(answer, change === 'ping' ? undefined : lease.order.id, this.now())
    } catch (error) {
      return unanswered(error)
    }
  }

  close(): void {
    this.signed.close()
  }
}

function bodyOf(change: 'apply' | 'release' | 'ping', lease: Lease, sentMs: number): string {
  return JSON.stringify({ type: `containment.${change}.v1`, timestamp: iso(sentMs), data: wireContainment(lease) })
}
