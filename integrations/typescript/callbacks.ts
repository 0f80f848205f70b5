import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Clock } from './clock.ts'
import type { Containments, Taken } from './containments.ts'
import { membersOf, readContainment } from './wire.ts'

const MAX_BODY_BYTES = 20_000
const TOLERANCE_S = 300
const MAX_SEEN = 10_000

/** The three headers of Standard Webhooks. */
export interface WebhookHeaders {
  readonly 'webhook-id'?: string | undefined
  readonly 'webhook-timestamp'?: string | undefined
  readonly 'webhook-signature'?: string | undefined
}

export interface CallbackAnswer {
  readonly status: number
  readonly body: object
}

/**
 * Takes the callbacks that Belay sends for a PEP (Standard Webhooks 1.0): a wrong or old signature is refused, a message
 * that comes again is acknowledged and has no effect, and orders are kept in the order of their revisions.
 */
export class Callbacks {
  private readonly keys: readonly Buffer[]
  private readonly containments: Containments
  private readonly clock: Clock
  private readonly seen = new Set<string>()

  /** Secrets as `whsec_<base64>`; two while they rotate. Throws RangeError for a secret without a key in it. */
  constructor(secrets: readonly string[], containments: Containments, clock: Clock) {
    this.keys = secrets.map(keyOf)
    this.containments = containments
    this.clock = clock
  }

  /** `body`: the bytes as they came, because the signature is over them. */
  take(headers: WebhookHeaders, body: string): CallbackAnswer {
    const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '', 'webhook-signature': signatures = '' } = headers
    if (!this.isSigned(id, timestamp, body, signatures)) return refused(401, 'the signature is not valid, or too old')
    const message = parsed(body)
    const { type } = message
    if (type === 'containment.ping.v1') return { status: 200, body: { status: 'applied', detail: 'pong' } }
    const containment = readContainment(message.data)
    if (containment === undefined) return refused(400, 'not a containment')
    const status = this.seen.has(id) ? 'duplicate' : this.obey(type, containment)
    this.remember(id)
    const appliedAt = new Date(this.clock.now()).toISOString()
    return { status: 200, body: { status, containment_id: containment.id, applied_at: appliedAt } }
  }

  /** For `http.createServer`. */
  readonly listener: RequestListener = (request, response) => {
    const answer = ({ status, body }: CallbackAnswer) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.method !== 'POST') return void answer(refused(405, 'send a POST'))
    bodyOf(request).then(
      (body) =>
        answer(
          body === undefined ? refused(413, `more than ${MAX_BODY_BYTES} bytes`) : this.take(headersOf(request), body),
        ),
      // The connection is gone: there is nobody to answer.
      () => response.destroy(),
    )
  }

  private obey(type: unknown, containment: NonNullable<ReturnType<typeof readContainment>>): Taken {
    const nowMs = this.clock.now()
    if (type === 'containment.apply.v1') return this.containments.apply(containment, 'callback', nowMs)
    if (type === 'containment.release.v1') return this.containments.release(containment, 'callback', nowMs)
    return 'unsupported'
  }

  private isSigned(id: string, timestamp: string, body: string, signatures: string): boolean {
    const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN
    if (id === '' || !(Math.abs(this.clock.now() / 1_000 - seconds) <= TOLERANCE_S)) return false
    const given = signatures
      .split(' ', 16)
      .flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []))
    return this.keys.some((key) => {
      const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest()
      return given.some((one) => one.length === expected.length && timingSafeEqual(one, expected))
    })
  }

  private remember(id: string): void {
    this.seen.add(id)
    const [oldest] = this.seen
    if (this.seen.size > MAX_SEEN && oldest !== undefined) this.seen.delete(oldest)
  }
}

function keyOf(secret: string): Buffer {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  if (key.length < 16) throw new RangeError('a callback secret is `whsec_` and at least 16 bytes in base64')
  return key
}

function refused(status: number, detail: string): CallbackAnswer {
  return { status, body: { detail } }
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    return membersOf(JSON.parse(body))
  } catch {
    return {}
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function headersOf({ headers }: IncomingMessage): WebhookHeaders {
  const one = (name: string) => headers[name]?.toString()
  return {
    'webhook-id': one('webhook-id'),
    'webhook-timestamp': one('webhook-timestamp'),
    'webhook-signature': one('webhook-signature'),
  }
}
