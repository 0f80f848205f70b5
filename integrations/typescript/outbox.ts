import type { Api } from './api.ts'
import { backoffMs, type Clock } from './clock.ts'

const BATCH = { events: 500, bytes: 2 * 1024 * 1024 }
const TIMEOUT_MS = 10_000
const RETRY_MS = { base: 100, max: 10_000 }

export interface OutboxParts {
  readonly api: Api
  readonly clock: Clock
  readonly random: () => number
  /** what may wait at most */
  readonly limits: { readonly events: number; readonly bytes: number }
  readonly failed: (why: Error) => void
}

export interface OutboxCounts {
  /** taken by Belay */
  readonly sent: number
  /** for lack of room: Belay was away, or slower than the calls */
  readonly dropped: number
  /** refused by Belay, which says why in its dead letters */
  readonly rejected: number
  readonly waiting: number
}

/**
 * Events on their way to Belay, off the path of the calls: bounded in number and bytes, in batches and in order, one
 * request at a time. What Belay cannot take now is sent again, the same events with the same ids, until it can; when
 * there is no room the newest is dropped and counted, and its number is missing in its session for Belay to see.
 */
export class Outbox {
  private readonly parts: OutboxParts
  private waiting: string[] = []
  private bytes = 0
  private sent = 0
  private dropped = 0
  private rejected = 0
  private isSending = false
  private isClosed = false
  private wake: () => void = () => undefined
  private idle: (() => void)[] = []

  constructor(parts: OutboxParts) {
    this.parts = parts
  }

  get counts(): OutboxCounts {
    return { sent: this.sent, dropped: this.dropped, rejected: this.rejected, waiting: this.waiting.length }
  }

  /** Never waits, never throws. */
  push(event: string): void {
    const { events, bytes } = this.parts.limits
    if (this.isClosed || this.waiting.length >= events || this.bytes + event.length > bytes) {
      this.dropped++
      return
    }
    this.waiting.push(event)
    this.bytes += event.length
    if (this.isSending) return
    this.isSending = true
    // What the same turn of the event loop emits goes together.
    setImmediate(() => void this.send())
  }

  /** Resolves when all that waits was sent, or when the time is over. */
  flush(timeoutMs: number): Promise<void> {
    if (!this.isSending) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(timeoutMs, resolve)
      this.idle.push(() => {
        cancel()
        resolve()
      })
    })
  }

  /** Takes nothing any more; what waits is lost. */
  close(): void {
    this.isClosed = true
    this.dropped += this.waiting.length
    this.waiting = []
    this.bytes = 0
    this.wake()
  }

  private async send(): Promise<void> {
    let limit = BATCH.events
    for (let attempt = 0; this.waiting.length > 0; ) {
      const batch = this.batch(limit)
      const outcome = await this.post(batch)
      if (outcome.kind === 'later') {
        await this.pause(outcome.afterMs ?? backoffMs(attempt++, RETRY_MS.base, RETRY_MS.max, this.parts.random))
        continue
      }
      if (outcome.kind === 'too-large' && batch.length > 1) {
        limit = Math.ceil(batch.length / 2)
        continue
      }
      attempt = 0
      limit = BATCH.events
      const rejected = outcome.kind === 'taken' ? outcome.rejected : batch.length
      this.rejected += rejected
      this.sent += batch.length - rejected
      for (const event of this.waiting.splice(0, batch.length)) this.bytes -= event.length
    }
    this.isSending = false
    for (const done of this.idle.splice(0)) done()
  }

  private batch(limit: number): readonly string[] {
    let bytes = 0
    const end = this.waiting.findIndex((event, at) => {
      bytes += event.length
      return at >= limit || (at > 0 && bytes > BATCH.bytes)
    })
    return this.waiting.slice(0, end < 0 ? limit : end)
  }

  private async post(batch: readonly string[]): Promise<Outcome> {
    try {
      const { status, headers, body } = await this.parts.api.ask('/v1/events', {
        method: 'POST',
        body: `[${batch.join(',')}]`,
        contentType: 'application/cloudevents-batch+json',
        timeoutMs: TIMEOUT_MS,
      })
      if (status === 202) return { kind: 'taken', rejected: rejectedOf(body) }
      this.parts.failed(new Error(`sent ${batch.length} events, Belay answered ${status}`))
      if (status === 413) return { kind: 'too-large' }
      // A token may be put right while the events wait.
      return status === 400 || status === 415 ? { kind: 'refused' } : { kind: 'later', ...afterMs(headers) }
    } catch (error) {
      this.parts.failed(error instanceof Error ? error : new Error(String(error)))
      return { kind: 'later' }
    }
  }

  private pause(ms: number): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.parts.clock.after(ms, resolve)
      this.wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

type Outcome =
  | { readonly kind: 'taken'; readonly rejected: number }
  | { readonly kind: 'refused' | 'too-large' }
  | { readonly kind: 'later'; readonly afterMs?: number }

function rejectedOf(body: unknown): number {
  const { rejected } = (body ?? {}) as { readonly rejected?: unknown }
  return Array.isArray(rejected) ? rejected.length : 0
}

function afterMs(headers: Headers): { readonly afterMs?: number } {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return seconds >= 0 && seconds <= 60 ? { afterMs: seconds * 1_000 } : {}
}
