import type { FastifyReply, FastifyRequest } from 'fastify'
import { isInForce } from '../dispatch/lease.ts'
import type { Posture, PostureChange } from '../dispatch/posture.ts'
import { wireContainment } from '../dispatch/wire.ts'

/** Runs again and again until the returned function is called. */
export type Every = (ms: number, run: () => void) => () => void

const PING_MS = 15_000
const MAX_STREAMS = 1_000
/** A reader this far behind is cut off; it comes back with `Last-Event-ID` and misses nothing. */
const MAX_BUFFERED_BYTES = 1_048_576

interface StreamParts {
  readonly posture: Posture
  readonly now: () => number
  readonly every: Every
}

export interface DecisionStreams {
  /** Answers with the stream; false, and nothing sent, when too many are open or the server is closing. */
  open(request: FastifyRequest, reply: FastifyReply): Promise<boolean>
  /** Ends all streams; their readers come back to another process. */
  close(): void
}

/** `GET /v1/decisions/stream`: server-sent events, first what is contained or what was missed, then every change. */
export function streamDecisions(parts: StreamParts): DecisionStreams {
  const open = new Set<() => void>()
  return {
    async open(request, reply) {
      if (open.size >= MAX_STREAMS) return false
      const stream = new Stream(parts, request.principal.tenant, () => open.delete(stream.end))
      open.add(stream.end)
      return stream.start(lastEventId(request), reply)
    },
    close() {
      for (const end of open) end()
    },
  }
}

class Stream {
  private readonly parts: StreamParts
  private readonly tenant: string
  private readonly onEnd: () => void
  private stops: (() => void)[] = []
  private reply: FastifyReply | undefined
  private ended = false

  constructor(parts: StreamParts, tenant: string, onEnd: () => void) {
    this.parts = parts
    this.tenant = tenant
    this.onEnd = onEnd
  }

  readonly end = (): void => {
    if (this.ended) return
    this.ended = true
    for (const stop of this.stops) stop()
    this.reply?.raw.end()
    this.onEnd()
  }

  async start(since: number | undefined, reply: FastifyReply): Promise<boolean> {
    const { posture, every } = this.parts
    // Listening begins before reading, so that no change falls between the two; what is read twice is sent once.
    const early: PostureChange[] = []
    let listen = (change: PostureChange): void => {
      early.push(change)
    }
    this.stops.push(posture.subscribe((change) => listen(change)))
    let beginning: { readonly revision: number; readonly text: string }
    try {
      beginning = await this.beginning(since)
    } catch (error) {
      this.end()
      throw error
    }
    if (this.ended) return false
    this.reply = reply
    reply.hijack()
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
    reply.raw.writeHead(200, headers as Record<string, string>)
    reply.raw.once('close', this.end)
    this.write(beginning.text)
    listen = (change) => this.tell(change)
    for (const change of early) if (change.revision > beginning.revision) this.tell(change)
    this.stops.push(every(PING_MS, () => this.write(': ping\n\n')))
    return true
  }

  private async beginning(since: number | undefined): Promise<{ revision: number; text: string }> {
    const { posture, now } = this.parts
    const revision = await posture.revision()
    const missed = since === undefined ? undefined : await posture.changes(since, now())
    if (missed !== undefined) {
      const own = missed.filter((change) => change.lease.order.tenant === this.tenant)
      // A comment, so that the headers reach a reader who missed nothing.
      return { revision: own.at(-1)?.revision ?? revision, text: `: resumed\n\n${own.map(eventOf).join('')}` }
    }
    const nowMs = now()
    const leases = (await posture.active(this.tenant, nowMs)).filter((lease) => isInForce(lease, nowMs))
    const data = JSON.stringify({ revision, containments: leases.map(wireContainment) })
    return { revision, text: `id: ${revision}\nevent: snapshot\ndata: ${data}\n\n` }
  }

  private tell(change: PostureChange): void {
    if (change.lease.order.tenant === this.tenant) this.write(eventOf(change))
  }

  private write(text: string): void {
    if (this.ended || this.reply === undefined) return
    this.reply.raw.write(text)
    if (this.reply.raw.writableLength > MAX_BUFFERED_BYTES) {
      this.reply.raw.destroy()
      this.end()
    }
  }
}

function eventOf({ revision, change, lease }: PostureChange): string {
  return `id: ${revision}\nevent: ${change}\ndata: ${JSON.stringify(wireContainment(lease))}\n\n`
}

function lastEventId(request: FastifyRequest): number | undefined {
  const header = request.headers['last-event-id']
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}
