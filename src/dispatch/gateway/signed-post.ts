import { Webhook } from 'standardwebhooks'
import { type Answer, Exchange, GatewayConfigError, gatewayUrl } from './exchange.ts'

export interface SignedPostOptions {
  /** in messages about what is wrong with it */
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

const TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 16_384

/** POSTs JSON signed by Standard Webhooks to one fixed URL. */
export class SignedPost {
  private readonly signers: readonly Webhook[]
  private readonly exchange: Exchange
  private readonly now: () => number

  /** Throws GatewayConfigError. */
  constructor(options: SignedPostOptions, now: () => number) {
    this.now = now
    this.signers = signersOf(options)
    this.exchange = new Exchange(gatewayUrl(options.name, options.url, options.allowPrivate), {
      allowPrivate: options.allowPrivate,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    })
  }

  /** One attempt. `id` stays over retries, so that the receiver knows them; only the timestamp is fresh. */
  post(id: string, body: string): Promise<Answer> {
    const sentMs = this.now()
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'belay',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(sentMs / 1_000)),
      'webhook-signature': this.signers.map((signer) => signer.sign(id, new Date(sentMs), body)).join(' '),
    }
    return this.exchange.post(headers, body)
  }

  close(): void {
    this.exchange.close()
  }
}

export function signersOf({ name, secrets }: Pick<SignedPostOptions, 'name' | 'secrets'>): readonly Webhook[] {
  if (secrets.length === 0) throw new GatewayConfigError(`gateway ${name} has no secret; give it one (whsec_<base64>)`)
  return secrets.map((secret) => {
    try {
      return new Webhook(secret)
    } catch (cause) {
      throw new GatewayConfigError(`gateway ${name} has a secret that is not whsec_<base64>`, { cause })
    }
  })
}
