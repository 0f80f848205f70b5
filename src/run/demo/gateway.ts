import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'

/** What the gateway was told, with the moment its answer went out. */
export interface Told {
  readonly type: string
  readonly containmentId: string
  readonly action: string
  readonly session: string
  readonly reason: string
  readonly expiresAt: string
  readonly acknowledgedMs: number
}

interface Callback {
  readonly type: string
  readonly data: {
    readonly containment_id: string
    readonly action: string
    readonly target: { readonly kind: string; readonly id: string }
    readonly reason: string
    readonly expires_at: string
  }
}

/**
 * The demo's gateway: a small but real PEP. It accepts a containment callback only with a valid signature, remembers
 * which sessions are held, and is asked before every call of the fleet.
 */
export class DemoGateway {
  onTold: (told: Told) => void = () => {}
  private readonly webhook: Webhook
  private readonly held = new Map<string, Told>()
  private readonly server: Server

  constructor(secret: string) {
    this.webhook = new Webhook(secret)
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error) }))
      })
    })
  }

  /** Resolves with the callback URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    const address = this.server.address()
    if (address === null || typeof address === 'string') throw new Error('the demo gateway has no TCP address')
    return `http://127.0.0.1:${address.port}/containment`
  }

  /** The containment that stands in the way of this session's next call, if any. */
  holds(session: string): Told | undefined {
    return this.held.get(session)
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = {
      'webhook-id': String(request.headers['webhook-id']),
      'webhook-timestamp': String(request.headers['webhook-timestamp']),
      'webhook-signature': String(request.headers['webhook-signature']),
    }
    const { type, data } = this.webhook.verify(Buffer.concat(chunks).toString('utf8'), headers) as Callback
    if (type === 'containment.ping.v1') return void response.writeHead(200).end('{}')
    const told: Told = {
      type,
      containmentId: data.containment_id,
      action: data.action,
      session: data.target.id,
      reason: data.reason,
      expiresAt: data.expires_at,
      acknowledgedMs: Date.now(),
    }
    if (type === 'containment.release.v1') this.held.delete(told.session)
    else this.held.set(told.session, told)
    const body = { status: 'applied', containment_id: told.containmentId, applied_at: new Date().toISOString() }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    this.onTold(told)
  }
}
