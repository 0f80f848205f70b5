import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { Webhook } from 'standardwebhooks'
import type { Received } from '../../src/testing/wire-suite.ts'

export interface Request {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** An HTTP receiver that can die in the middle of a request. What its kind takes is written in a subclass. */
export abstract class HttpReceiver {
  readonly received: Received[] = []
  readonly problems: string[] = []
  /** answers in place of the receiver's own, once each */
  readonly replies: Reply[] = []
  port = 0
  private server: Server | undefined
  private readonly sockets = new Set<Socket>()

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.serve(request, response))
    server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
    this.server = server
  }

  async kill(): Promise<void> {
    const server = this.server
    this.server = undefined
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
    for (const socket of this.sockets) socket.resetAndDestroy()
    await closed
  }

  /** Throws for what the product would not take. */
  protected abstract take(request: Request): Reply

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    } catch {
      // Killed while it was reading: nothing was taken.
      return
    }
    const raw = Buffer.concat(chunks)
    const reply = this.replies.shift() ?? this.answer(request, raw)
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
    response.end(reply.body === undefined ? '' : JSON.stringify(reply.body))
  }

  private answer({ url = '/', headers }: IncomingMessage, raw: Buffer): Reply {
    try {
      const body = headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
      return this.take({ path: url, headers, body: body.toString('utf8') })
    } catch (error) {
      this.problems.push(String(error))
      return { status: 400, body: { text: String(error) } }
    }
  }
}

export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

const idOf = (text: string): string => (JSON.parse(text) as { readonly id: string }).id

/**
 * Splunk HTTP Event Collector, from Splunk's documentation: token, channel, objects one behind the other with `event`,
 * acknowledgements by channel. An acknowledgement is true at the second question.
 */
export class SplunkReceiver extends HttpReceiver {
  private nextAck = 0
  private readonly asked = new Map<string, number>()
  readonly token = 'a-token'

  protected take({ path, headers, body }: Request): Reply {
    must(headers.authorization === `Splunk ${this.token}`, 'invalid token')
    const channel = headers['x-splunk-request-channel']
    must(typeof channel === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(channel), 'invalid channel')
    if (path.startsWith('/services/collector/ack')) return this.acknowledge(path, channel, body)
    must(path === '/services/collector/event', `no such path ${path}`)
    for (const text of splitObjects(body)) {
      const { time, event, fields, ...rest } = JSON.parse(text) as Record<string, unknown>
      must(typeof time === 'number' && time > 1e9 && time < 1e10, 'time is not in seconds')
      must(event !== undefined, 'Event field is required')
      for (const key of Object.keys(rest))
        must(['host', 'source', 'sourcetype', 'index'].includes(key), `unknown ${key}`)
      for (const field of Object.values((fields ?? {}) as object))
        must(typeof field !== 'object', 'fields must be flat')
      const { notice_id: id } = fields as { readonly notice_id: string }
      this.received.push({ id, text: typeof event === 'string' ? event : JSON.stringify(event) })
    }
    return { status: 200, body: { text: 'Success', code: 0, ackId: this.nextAck++ } }
  }

  private acknowledge(path: string, channel: string, body: string): Reply {
    must(new URL(path, 'http://x').searchParams.get('channel') === channel, 'Data channel is missing')
    const { acks } = JSON.parse(body) as { readonly acks: readonly number[] }
    const states = acks.map((ack) => {
      const key = `${channel} ${ack}`
      this.asked.set(key, (this.asked.get(key) ?? 0) + 1)
      return [String(ack), (this.asked.get(key) ?? 0) > 1]
    })
    return { status: 200, body: { acks: Object.fromEntries(states) as object } }
  }
}

/** JSON objects one behind the other, as the collector reads them. */
function splitObjects(body: string): readonly string[] {
  const objects: string[] = []
  let [from, depth, inText] = [0, 0, false]
  for (let at = 0; at < body.length; at++) {
    const character = body[at]
    if (inText) {
      if (character === '\\') at++
      else if (character === '"') inText = false
    } else if (character === '"') inText = true
    else if (character === '{') depth++
    else if (character === '}' && --depth === 0) {
      objects.push(body.slice(from, at + 1))
      from = at + 1
    }
  }
  must(body.slice(from).trim() === '', 'half an object at the end')
  return objects
}

/** The bulk API of Elasticsearch, from its reference: action and document lines, a line break at the end, 409 by `_id`. */
export class BulkReceiver extends HttpReceiver {
  private readonly ids = new Set<string>()
  /** statuses of items by id, once each, in place of taking them */
  readonly itemStatuses = new Map<string, number>()

  protected take({ path, headers, body }: Request): Reply {
    must(path.startsWith('/_bulk'), `no such path ${path}`)
    must(headers['content-type'] === 'application/x-ndjson', 'Content-Type header is not supported')
    must(body.endsWith('\n'), 'The bulk request must be terminated by a newline [\\n]')
    const lines = body.slice(0, -1).split('\n')
    must(lines.length % 2 === 0, 'an action without a document')
    const items = []
    for (let at = 0; at < lines.length; at += 2)
      items.push({ create: this.index(lines[at] ?? '', lines[at + 1] ?? '') })
    return { status: 200, body: { errors: items.some(({ create }) => create.status !== 201), items } }
  }

  private index(action: string, document: string): { readonly status: number; readonly error?: object } {
    const { create } = JSON.parse(action) as { readonly create: { readonly _index: string; readonly _id: string } }
    must(create._index.length > 0 && create._id.length > 0, 'no index or id')
    JSON.parse(document)
    const status = this.itemStatuses.get(create._id)
    if (status !== undefined) {
      this.itemStatuses.delete(create._id)
      return { status, error: { type: 'made_up', reason: 'for the test' } }
    }
    if (this.ids.has(create._id))
      return { status: 409, error: { type: 'version_conflict_engine_exception', reason: '' } }
    this.ids.add(create._id)
    this.received.push({ id: create._id, text: document })
    return { status: 201 }
  }
}

/** OTLP/HTTP in JSON encoding, from the protocol's specification and the log data model. */
export class OtlpReceiver extends HttpReceiver {
  protected take({ path, headers, body }: Request): Reply {
    must(path === '/v1/logs', `no such path ${path}`)
    must(headers['content-type'] === 'application/json', 'unsupported media type')
    const { resourceLogs } = JSON.parse(body) as ExportLogs
    for (const { scopeLogs } of resourceLogs)
      for (const { logRecords } of scopeLogs)
        for (const record of logRecords) {
          must(/^\d{19}$/.test(record.timeUnixNano), 'timeUnixNano is a decimal string of nanoseconds')
          must(record.severityNumber >= 1 && record.severityNumber <= 24, 'severityNumber out of range')
          const uid = record.attributes.find(({ key }) => key === 'log.record.uid')?.value.stringValue ?? ''
          this.received.push({ id: uid, text: record.body.stringValue })
        }
    return { status: 200, body: {} }
  }
}

interface ExportLogs {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly timeUnixNano: string
        readonly severityNumber: number
        readonly body: { readonly stringValue: string }
        readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[]
      }[]
    }[]
  }[]
}

export const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes 123').toString('base64')}`

/** Verifies every signature with the standard's own library. */
export class WebhookReceiver extends HttpReceiver {
  protected take({ headers, body }: Request): Reply {
    new Webhook(WEBHOOK_SECRET).verify(body, headers as Record<string, string>)
    const parsed = JSON.parse(body) as object
    const all = Array.isArray(parsed) ? (parsed as readonly object[]) : [parsed]
    for (const one of all) this.received.push({ id: idOf(JSON.stringify(one)), text: JSON.stringify(one) })
    return { status: 204 }
  }
}
