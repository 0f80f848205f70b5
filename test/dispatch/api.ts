import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came in, its body as text. */
export interface Asked {
  readonly method: string
  /** path and query as they were sent, nothing decoded */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Answerer = (asked: Asked, response: ServerResponse) => void

/** The other side of an HTTP adapter: real HTTP, and a list of what was asked. */
export class Api {
  readonly asked: Asked[] = []
  answer: Answerer
  private server: Server | undefined
  private port = 0

  constructor(answer: Answerer) {
    this.answer = answer
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Listens, on the same port as before after a stop. */
  async start(): Promise<this> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        const asked = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') }
        this.asked.push(asked)
        this.answer(asked, response)
      })
    })
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.server = server
    return this
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections()
    await new Promise<void>((resolve) => (this.server === undefined ? resolve() : this.server.close(() => resolve())))
    this.server = undefined
  }
}

export function json(status: number, body: unknown): Answerer {
  return (_asked, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export function status(code: number): Answerer {
  return (_asked, response) => void response.writeHead(code).end()
}
