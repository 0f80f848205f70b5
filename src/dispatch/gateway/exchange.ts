import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import { isPublicAddress, publicLookup, refusal } from './address.ts'

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

/** POSTs to one fixed URL over kept connections. Follows no redirect and talks to no address that it did not check. */
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

  /** Rejects with what went wrong on the network; any answer of the other side is a value. */
  async post(headers: Readonly<Record<string, string>>, body: string | Uint8Array): Promise<Answer> {
    const { allowPrivate, timeoutMs } = this.options
    const literal = this.url.hostname.replace(/^\[|\]$/g, '')
    if (!allowPrivate && isIP(literal) !== 0 && !isPublicAddress(literal)) throw refusal(this.url.hostname, literal)
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      return await this.send(headers, body, signal)
    } catch (cause) {
      if (signal.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause })
      throw cause
    }
  }

  close(): void {
    this.agent.destroy()
  }

  private send(
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
    signal: AbortSignal,
  ): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const request = (this.isTls ? https : http).request(this.url, {
        method: 'POST',
        agent: this.agent,
        signal,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
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
