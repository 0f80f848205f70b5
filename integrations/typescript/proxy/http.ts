import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../clock.ts'
import { McpGuard } from '../mcp/guard.ts'
import { type Known, Parties } from '../mcp/party.ts'
import { ToolBook } from '../mcp/tool-book.ts'
import type { Pep } from '../pep.ts'
import { SseParser } from '../sse.ts'

export interface HttpProxyOptions {
  readonly pep: Pep
  readonly known: Known
  /** the server's MCP endpoint */
  readonly url: string
  readonly host?: string
  /** 0 takes a free one */
  readonly port: number
}

export interface HttpProxy {
  /** what clients use in the place of the server's */
  readonly url: string
  close(): Promise<void>
}

const MAX_BODY_BYTES = 16 * 1024 * 1024
/** What concerns one connection (RFC 9110, section 7.6.1), and what fetch sets itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(
  'connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host content-length accept-encoding expect'.split(
    ' ',
  ),
)
/** fetch has inflated the body. */
const NOT_BACK: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-encoding'])

/**
 * Puts an MCP server that speaks streamable HTTP behind Belay: the same endpoint at another address, every header and
 * every body as it came, but for refused calls. Both revisions: sessions, GET streams and DELETE of 2025-11-25 pass, and
 * of 2026-07-28 each request is looked at alone.
 */
export async function startHttpProxy(options: HttpProxyOptions): Promise<HttpProxy> {
  const { host = '127.0.0.1', port } = options
  const proxy = new Exchanges(options)
  const server = createServer((request, response) => {
    proxy.serve(request, response).catch((error: unknown) => fail(response, error))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: own } = server.address() as AddressInfo
  const path = new URL(options.url).pathname
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${own}${path}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

class Exchanges {
  private readonly pep: Pep
  private readonly url: URL
  private readonly parties: Parties
  private readonly tools = new ToolBook()
  private readonly isLocal: boolean

  constructor({ pep, known, url, host = '127.0.0.1' }: HttpProxyOptions) {
    this.pep = pep
    this.url = new URL(url)
    this.parties = new Parties(known, systemClock)
    this.isLocal = LOOPBACK.test(host)
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isLocal && !isLocalRequest(request)) return void rpcError(response, 403, 'only this machine may call')
    const body = await bodyOf(request)
    if (body === undefined) return void rpcError(response, 413, `more than ${MAX_BODY_BYTES} bytes`)
    const answered: { session?: string } = {}
    const guard = this.guardFor(request, answered)
    if (request.method === 'POST') {
      const message = parsed(body)
      // What is not one message could hide a call from us that the server finds in it.
      if (message === undefined || Array.isArray(message))
        return void rpcError(response, 400, 'send one JSON-RPC message')
      const passage = await guard.toServer(message)
      if (passage.kind === 'answer') return void answer(response, passage.response)
    }
    try {
      await this.forward(request, response, body, guard, answered)
    } finally {
      guard.end({ status: 'cancelled' })
    }
  }

  private guardFor(request: IncomingMessage, answered: { readonly session?: string }): McpGuard {
    const header = (name: string): string | undefined =>
      (name === 'mcp-session-id' ? answered.session : undefined) ?? request.headers[name]?.toString()
    const { remoteAddress } = request.socket
    const seen = {
      transport: 'http',
      header,
      ...(remoteAddress !== undefined && { peerAddress: remoteAddress }),
    } as const
    return new McpGuard({
      pep: this.pep,
      tools: this.tools,
      partyOf: (message) => this.parties.of(message, seen),
      now: Date.now,
    })
  }

  private async forward(
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
    guard: McpGuard,
    answered: { session?: string },
  ): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const upstream = await fetch(this.target(request), {
      method: request.method ?? 'GET',
      headers: passedOn(request),
      redirect: 'manual',
      signal: gone.signal,
      ...(body !== '' && { body }),
    })
    const session = upstream.headers.get('mcp-session-id')
    if (session !== null) answered.session = session
    response.writeHead(upstream.status, passedBack(upstream.headers))
    response.flushHeaders()
    if (upstream.body === null) return void response.end()
    const seen = watcherOf(upstream.headers.get('content-type') ?? '', guard)
    for await (const chunk of upstream.body) {
      seen.chunk(chunk as Uint8Array)
      if (!response.write(chunk)) await drained(response)
    }
    seen.end()
    if (upstream.status >= 400) guard.end({ status: 'error', httpStatus: upstream.status })
    response.end()
  }

  /** The endpoint as it was given; the query is the client's. */
  private target(request: IncomingMessage): URL {
    const { search } = new URL(request.url ?? '/', 'http://localhost')
    const target = new URL(this.url)
    if (search !== '') target.search = search
    return target
  }
}

interface Watcher {
  chunk(bytes: Uint8Array): void
  end(): void
}

/** Reads the messages of a body that goes by: one JSON value, or server-sent events. */
function watcherOf(contentType: string, guard: McpGuard): Watcher {
  const decoder = new TextDecoder()
  const tell = (text: string): void => {
    const message = parsed(text)
    for (const one of Array.isArray(message) ? message : [message]) guard.toClient(one)
  }
  if (contentType.startsWith('text/event-stream')) {
    const parser = new SseParser()
    return {
      chunk: (bytes) => {
        for (const { data } of parser.push(decoder.decode(bytes, { stream: true }))) tell(data)
      },
      end: () => undefined,
    }
  }
  let text = ''
  return {
    chunk: (bytes) => {
      if (text.length < MAX_BODY_BYTES) text += decoder.decode(bytes, { stream: true })
    },
    end: () => tell(text),
  }
}

function passedOn({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, value.toString()]],
  )
  return Object.fromEntries(kept)
}

function passedBack(headers: Headers): OutgoingHttpHeaders {
  return Object.fromEntries([...headers].filter(([name]) => !NOT_BACK.has(name)))
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.once('drain', go)
    response.once('close', go)
  })
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** A page in a browser on this machine reaches a loopback port by rebinding DNS (Host tells) or across origins (Origin tells). */
function isLocalRequest({ headers }: IncomingMessage): boolean {
  const { host = '', origin } = headers
  return LOCAL_HOST.test(host) && (origin === undefined || LOCAL_HOST.test(origin.replace(/^https?:\/\//, '')))
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

function answer(response: ServerResponse, message: object | undefined): ServerResponse {
  if (message === undefined) return response.writeHead(202).end()
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
}

function rpcError(response: ServerResponse, status: number, message: string): ServerResponse {
  const error = { jsonrpc: '2.0', id: null, error: { code: -32_600, message } }
  return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(error))
}

/** The client is gone, or the server is: 502 where nothing was said yet. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return
  if (response.headersSent) response.destroy()
  else
    rpcError(
      response,
      502,
      `the server behind does not answer: ${error instanceof Error ? error.message : String(error)}`,
    )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
