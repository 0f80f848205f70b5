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

/** Belay answers when events are durable, and that must not hold up the next ones: containment begins with them. */
const MAX_IN_FLIGHT = 8

/**
 * Events on their way to Belay, off the path of the calls: bounded in number and bytes, in batches, some of them at
 * once and begun in order. What Belay cannot take now is sent again before anything else, the same events with the same
 * ids, until it can; when there is no room the newest is dropped and counted, and its number is missing in its session
 * for Belay to see.
 */
export class Outbox {
  private readonly parts: OutboxParts
  private waiting: string[] = []
  /** batches that Belay could not take, oldest first */
  private again: (readonly string[])[] = []
  private inFlight = 0
  private held = { events: 0, bytes: 0 }
  private sent = 0
  private dropped = 0
  private rejected = 0
  private failures = 0
  private isWoken = false
  private isClosed = false
  private cancelPause: (() => void) | undefined
  private idle: (() => void)[] = []

  constructor(parts: OutboxParts) {
    this.parts = parts
  }

  get counts(): OutboxCounts {
    return { sent: this.sent, dropped: this.dropped, rejected: this.rejected, waiting: this.held.events }
  }

  /** Never waits, never throws. */
  push(event: string): void {
    const { events, bytes } = this.parts.limits
    if (this.isClosed || this.held.events >= events || this.held.bytes + event.length > bytes) {
      this.dropped++
      return
    }
    this.waiting.push(event)
    this.held.events++
    this.held.bytes += event.length
    if (this.isWoken) return
    this.isWoken = true
    // What the same turn of the event loop emits goes together.
    setImmediate(() => {
      this.isWoken = false
      this.pump()
    })
  }

  /** Resolves when all that waits was sent, or when the time is over. */
  flush(timeoutMs: number): Promise<void> {
    if (this.held.events === 0) return Promise.resolve()
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
    this.cancelPause?.()
    for (const batch of [...this.again.splice(0), this.waiting.splice(0)]) {
      this.dropped += batch.length
      this.settle(batch)
    }
  }

  private pump(): void {
    // While Belay cannot take what it was sent, one request at a time asks whether it can again.
    const most = this.failures > 0 || this.again.length > 0 ? 1 : MAX_IN_FLIGHT
    while (this.cancelPause === undefined && this.inFlight < most) {
      const batch = this.again.shift() ?? this.nextBatch()
      if (batch.length === 0) return
      this.inFlight++
      void this.send(batch)
    }
  }

  private nextBatch(): readonly string[] {
    let bytes = 0
    const end = this.waiting.findIndex((event, at) => {
      bytes += event.length
      return at >= BATCH.events || (at > 0 && bytes > BATCH.bytes)
    })
    return this.waiting.splice(0, end < 0 ? this.waiting.length : end)
  }

  private async send(batch: readonly string[]): Promise<void> {
    const outcome = await this.post(batch)
    this.inFlight--
    if (this.isClosed) {
      this.dropped += outcome.kind === 'taken' ? 0 : batch.length
    } else if (outcome.kind === 'later') {
      this.again.unshift(batch)
      this.pause(outcome.afterMs ?? backoffMs(this.failures, RETRY_MS.base, RETRY_MS.max, this.parts.random))
      this.failures++
      return
    } else if (outcome.kind === 'too-large' && batch.length > 1) {
      const half = Math.ceil(batch.length / 2)
      this.again.unshift(batch.slice(0, half), batch.slice(half))
      return this.pump()
    }
    const rejected = outcome.kind === 'taken' ? outcome.rejected : this.isClosed ? 0 : batch.length
    this.rejected += rejected
    this.sent += outcome.kind === 'taken' ? batch.length - rejected : 0
    this.failures = 0
    this.settle(batch)
    this.pump()
  }

  private settle(batch: readonly string[]): void {
    this.held.events -= batch.length
    for (const event of batch) this.held.bytes -= event.length
    if (this.held.events === 0) for (const done of this.idle.splice(0)) done()
  }

  /** Another batch that fails meanwhile waits for the same end. */
  private pause(ms: number): void {
    this.cancelPause ??= this.parts.clock.after(ms, () => {
      this.cancelPause = undefined
      this.pump()
    })
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
