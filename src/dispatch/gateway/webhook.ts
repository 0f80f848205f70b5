import { Webhook } from 'standardwebhooks'
import type { Lease } from '../../model/index.ts'
import type { Delivery, Gateway } from '../gateway.ts'
import { iso, wireContainment } from '../wire.ts'
import { readAnswer } from './acknowledgement.ts'
import { AddressRefusedError } from './address.ts'
import { Exchange } from './exchange.ts'

export interface WebhookOptions {
  readonly name: string
  /** from config only, never from an event; https, or http where `allowPrivate` says that the network is ours */
  readonly url: string
  /** `whsec_<base64>`; the first is current, a second one is signed with too while receivers change over */
  readonly secrets: readonly string[]
  /** permits loopback, private, link-local and metadata addresses */
  readonly allowPrivate: boolean
  /** default 3,000: the contract's */
  readonly timeoutMs?: number
}

/** A gateway's configuration that cannot work; the message says what to change. */
export class WebhookConfigError extends Error {
  override readonly name = 'WebhookConfigError'
  readonly code = 'webhook_config'
}

const TIMEOUT_MS = 3_000
const MAX_BODY_BYTES = 20_000
const MAX_ANSWER_BYTES = 16_384

/** Tells a PEP over a signed HTTP callback (Standard Webhooks), body and acknowledgement as the contract writes them. */
export class WebhookGateway implements Gateway {
  readonly name: string
  private readonly signers: readonly Webhook[]
  private readonly exchange: Exchange
  private readonly now: () => number

  constructor(options: WebhookOptions, now: () => number) {
    this.name = options.name
    this.now = now
    this.signers = signersOf(options)
    this.exchange = new Exchange(urlOf(options), {
      allowPrivate: options.allowPrivate,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    })
  }

  async deliver(change: 'apply' | 'release' | 'ping', lease: Lease, _attempt: number): Promise<Delivery> {
    const sentMs = this.now()
    // The id of the message stays over retries, so that the receiver knows them; only the timestamp is fresh.
    const id = `${lease.order.id}:${lease.revision}:${change}`
    const body = bodyOf(change, lease, sentMs)
    if (Buffer.byteLength(body) >= MAX_BODY_BYTES) {
      return { kind: 'refused', why: `the order is too large for a callback of ${MAX_BODY_BYTES} bytes` }
    }
    try {
      const answer = await this.exchange.post(this.headers(id, sentMs, body), body)
      return readAnswer(answer, change === 'ping' ? undefined : lease.order.id, this.now())
    } catch (error) {
      if (error instanceof AddressRefusedError) return { kind: 'refused', why: error.message }
      return { kind: 'retry', why: error instanceof Error ? error.message : String(error) }
    }
  }

  close(): void {
    this.exchange.close()
  }

  private headers(id: string, sentMs: number, body: string): Record<string, string> {
    return {
      'content-type': 'application/json',
      'user-agent': 'belay',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(sentMs / 1_000)),
      'webhook-signature': this.signers.map((signer) => signer.sign(id, new Date(sentMs), body)).join(' '),
    }
  }
}

function bodyOf(change: 'apply' | 'release' | 'ping', lease: Lease, sentMs: number): string {
  return JSON.stringify({ type: `containment.${change}.v1`, timestamp: iso(sentMs), data: wireContainment(lease) })
}

function signersOf({ name, secrets }: WebhookOptions): readonly Webhook[] {
  if (secrets.length === 0) throw new WebhookConfigError(`gateway ${name} has no secret; give it one (whsec_<base64>)`)
  return secrets.map((secret) => {
    try {
      return new Webhook(secret)
    } catch (cause) {
      throw new WebhookConfigError(`gateway ${name} has a secret that is not whsec_<base64>`, { cause })
    }
  })
}

function urlOf({ name, url, allowPrivate }: WebhookOptions): URL {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new WebhookConfigError(`gateway ${name} has a url that is not one`, { cause })
  }
  if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && allowPrivate)) {
    throw new WebhookConfigError(`gateway ${name} needs an https url (http only together with allowPrivate)`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new WebhookConfigError(`gateway ${name} has a password in its url; callbacks are signed instead`)
  }
  return parsed
}
