import { createHash } from 'node:crypto'
import { Webhook as Signer } from 'standardwebhooks'
import { allTaken, type Message, retry, type Sent, type Wire } from '../wire.ts'
import { failureOf, type HttpPost, isSuccess } from './http.ts'

export interface WebhookOptions {
  readonly http: HttpPost
  readonly isJson: boolean
  /** messages in one request; with more than one the body is a JSON array, or several lines */
  readonly batch: number
  /** Standard Webhooks secrets (`whsec_...`); two while one replaces the other, none: not signed */
  readonly secrets: readonly string[]
  /** e.g. `Bearer ...` */
  readonly authorization?: string
  readonly now: () => number
}

/** HTTP POST, signed by Standard Webhooks where it has a secret. Any 2xx answer means taken. */
export class WebhookPost implements Wire {
  readonly maxBatch: number
  private readonly options: WebhookOptions
  private readonly signers: readonly Signer[]

  /** Throws for a secret that is not `whsec_<base64>`. */
  constructor(options: WebhookOptions) {
    this.options = options
    this.maxBatch = options.batch
    this.signers = options.secrets.map((secret) => new Signer(secret))
  }

  async send(messages: readonly Message[]): Promise<Sent> {
    const { http, now } = this.options
    try {
      const body = this.body(messages)
      const answer = await http.post(this.headers(idOf(messages), body), body)
      return isSuccess(answer) ? allTaken(messages) : failureOf(answer, now())
    } catch (error) {
      return retry(error)
    }
  }

  async close(): Promise<void> {
    this.options.http.close()
  }

  private body(messages: readonly Message[]): string {
    const { batch, isJson } = this.options
    const texts = messages.map(({ text }) => text)
    if (!isJson) return texts.join('\n')
    return batch === 1 ? texts.join('') : `[${texts.join(',')}]`
  }

  private headers(id: string, body: string): Readonly<Record<string, string>> {
    const { isJson, authorization, now } = this.options
    const sentAt = new Date(now())
    return {
      'content-type': isJson ? 'application/json' : 'text/plain; charset=utf-8',
      'user-agent': 'belay',
      'webhook-id': id,
      ...(authorization !== undefined && { authorization }),
      ...(this.signers.length > 0 && {
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': this.signers.map((signer) => signer.sign(id, sentAt, body)).join(' '),
      }),
    }
  }
}

/** The same for the same messages, so that a receiver knows a repetition. */
function idOf(messages: readonly Message[]): string {
  const [only] = messages
  if (only !== undefined && messages.length === 1) return only.id
  return createHash('sha256')
    .update(messages.map(({ id }) => id).join())
    .digest('hex')
    .slice(0, 32)
}
