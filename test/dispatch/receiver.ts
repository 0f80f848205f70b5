import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes 123').toString('base64')}`

export interface Callback {
  readonly headers: IncomingHttpHeaders
  readonly type: string
  readonly data: Readonly<Record<string, unknown>> & { readonly containment_id: string; readonly revision: number }
}

type Answer = (callback: Callback, response: ServerResponse) => void

/** A PEP's end of a callback: real HTTP, verifies every signature with the standard's own library. */
export class Receiver {
  readonly received: Callback[] = []
  answer: Answer = acknowledge('applied')
  private server: Server | undefined
  private port = 0
  private waiters: { readonly wanted: (callback: Callback) => boolean; readonly resolve: (c: Callback) => void }[] = []

  get url(): string {
    return `http://127.0.0.1:${this.port}/belay`
  }

  /** Listens, on the same port as before after a stop. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const verified = verify(body, request.headers)
        if (verified === undefined) return response.writeHead(401).end()
        this.take({ headers: request.headers, ...verified }, response)
        return undefined
      })
    })
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.server = server
  }

  async stop(): Promise<void> {
    const server = this.server
    server?.closeAllConnections()
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
  }

  /** The next callback that is wanted; one that has come already does not count. */
  next(wanted: (callback: Callback) => boolean = () => true): Promise<Callback> {
    return new Promise((resolve) => this.waiters.push({ wanted, resolve }))
  }

  private take(callback: Callback, response: ServerResponse): void {
    this.received.push(callback)
    this.answer(callback, response)
    const due = this.waiters.filter(({ wanted }) => wanted(callback))
    this.waiters = this.waiters.filter((waiter) => !due.includes(waiter))
    for (const { resolve } of due) resolve(callback)
  }
}

/** Answers as the contract says a PEP does. */
export function acknowledge(status: string): Answer {
  return ({ data }, response) => {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ status, containment_id: data.containment_id, applied_at: new Date().toISOString() }))
  }
}

export function respond(status: number, body = '', headers: Record<string, string> = {}): Answer {
  return (_callback, response) => {
    response.writeHead(status, headers).end(body)
  }
}

function verify(body: string, headers: IncomingHttpHeaders): Pick<Callback, 'type' | 'data'> | undefined {
  try {
    return new Webhook(SECRET).verify(body, headers as Record<string, string>) as Pick<Callback, 'type' | 'data'>
  } catch {
    return undefined
  }
}
