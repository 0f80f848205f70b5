import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import type { Delivery } from '../gateway.ts'
import { AddressRefusedError, isPublicAddress, publicLookup, refusal } from './address.ts'

export interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  /** at most `maxBytes`; undefined when it was longer */
  readonly body: string | undefined
}

export interface ExchangeOptions {
  readonly allowPrivate: boolean
  /** for the whole exchange: name, connection, request, answer */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** certificate authority to trust (PEM); the system's when absent */
  readonly ca?: string
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Talks to one origin over kept connections. Follows no redirect and talks to no address that it did not check. */
export class Exchange {
  private readonly url: URL
  private readonly options: ExchangeOptions
  private readonly agent: http.Agent
  private readonly isTls: boolean

  constructor(url: URL, options: ExchangeOptions) {
    this.url = url
    this.options = options
    this.isTls = url.protocol === 'https:'
    const kept = { keepAlive: true, maxFreeSockets: 8, timeout: 30_000 }
    this.agent = this.isTls ? new https.Agent({ ...kept, ca: options.ca }) : new http.Agent(kept)
  }

  /** POSTs to the URL that it was made with; otherwise like `call`. */
  post(headers: Readonly<Record<string, string>>, body: string | Uint8Array): Promise<Answer> {
    return this.call({ method: 'POST', url: this.url, headers, body })
  }

  /** Rejects with what went wrong on the network; any answer of the other side is a value. */
  async call(call: Call): Promise<Answer> {
    const { allowPrivate, timeoutMs } = this.options
    const { hostname, origin } = call.url
    if (origin !== this.url.origin)
      throw new AddressRefusedError(`${origin} is not ${this.url.origin}, which it is configured for`)
    const literal = hostname.replace(/^\[|\]$/g, '')
    if (!allowPrivate && isIP(literal) !== 0 && !isPublicAddress(literal)) throw refusal(hostname, literal)
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      return await this.send(call, signal)
    } catch (cause) {
      if (signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause })
      throw cause
    }
  }

  close(): void {
    this.agent.destroy()
  }

  private send({ method, url, headers, body }: Call, signal: AbortSignal): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const request = (this.isTls ? https : http).request(url, {
        method,
        agent: this.agent,
        signal,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
        ...(this.options.allowPrivate ? {} : { lookup: publicLookup }),
      })
      request.once('response', (response) => {
        this.read(response).then((text) => {
          const retryAfter = response.headers['retry-after']
          resolve({ status: response.statusCode ?? 0, retryAfter, body: text })
        }, reject)
      })
      request.once('error', reject)
      request.end(body)
    })
  }

  private async read(response: http.IncomingMessage): Promise<string | undefined> {
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.options.maxBytes) {
        response.destroy()
        return undefined
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

/** What an exchange without an answer is to who delivers: tried again, unless the address is one that must not be used. */
export function unanswered(error: unknown): Delivery {
  if (error instanceof AddressRefusedError) return { kind: 'refused', why: error.message }
  return { kind: 'retry', why: error instanceof Error ? error.message : String(error) }
}

/** Checks where a gateway is to be found. Throws GatewayConfigError. */
export function gatewayUrl(name: string, url: string, allowPrivate: boolean): URL {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new GatewayConfigError(`gateway ${name} has a url that is not one`, { cause })
  }
  if (parsed.protocol !== 'https:' && !(parsed.protocol === 'http:' && allowPrivate)) {
    throw new GatewayConfigError(`gateway ${name} needs an https url (http only together with allowPrivate)`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new GatewayConfigError(`gateway ${name} has a password in its url; that belongs into a secret`)
  }
  return parsed
}

/** A configuration of a receiver that cannot work; the message says what to change. */
export class GatewayConfigError extends Error {
  override readonly name = 'GatewayConfigError'
  readonly code = 'gateway_config'
}
