import { Webhook } from 'standardwebhooks'
import { type Answer, Exchange } from './exchange.ts'

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

/** A configuration of a receiver that cannot work; the message says what to change. */
export class WebhookConfigError extends Error {
  override readonly name = 'WebhookConfigError'
  readonly code = 'webhook_config'
}

const TIMEOUT_MS = 3_000
const MAX_ANSWER_BYTES = 16_384

/** POSTs JSON signed by Standard Webhooks to one fixed URL. */
export class SignedPost {
  private readonly signers: readonly Webhook[]
  private readonly exchange: Exchange
  private readonly now: () => number

  /** Throws WebhookConfigError. */
  constructor(options: SignedPostOptions, now: () => number) {
    this.now = now
    this.signers = signersOf(options)
    this.exchange = new Exchange(urlOf(options), {
      allowPrivate: options.allowPrivate,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    })
  }

  /** One attempt. `id` stays over retries, so that the receiver knows them; only the timestamp is fresh. */
  post(id: string, body: string): Promise<Answer> {
    const sentMs = this.now()
    return this.exchange.post(
      {
        'content-type': 'application/json',
        'user-agent': 'belay',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(sentMs / 1_000)),
        'webhook-signature': this.signers.map((signer) => signer.sign(id, new Date(sentMs), body)).join(' '),
      },
      body,
    )
  }

  close(): void {
    this.exchange.close()
  }
}

export function signersOf({ name, secrets }: Pick<SignedPostOptions, 'name' | 'secrets'>): readonly Webhook[] {
  if (secrets.length === 0) throw new WebhookConfigError(`gateway ${name} has no secret; give it one (whsec_<base64>)`)
  return secrets.map((secret) => {
    try {
      return new Webhook(secret)
    } catch (cause) {
      throw new WebhookConfigError(`gateway ${name} has a secret that is not whsec_<base64>`, { cause })
    }
  })
}

function urlOf({ name, url, allowPrivate }: SignedPostOptions): URL {
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
