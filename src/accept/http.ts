import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Provenance, Rejected, ToolEvent } from '../model/index.ts'
import { type Delivery, DeliveryError } from './delivery.ts'
import type { Batch, Source } from './source.ts'

export interface HttpSourceOptions {
  /** Unix milliseconds at which the process started: makes the origin of this run its own */
  readonly startedMs: number
  /** events in one batch at most (default 5,000) */
  readonly maxBatchEvents?: number
  /** events that may wait for the pipeline; beyond it `hasRoom` says no (default 50,000) */
  readonly maxWaitingEvents?: number
  /** bytes of requests that may be unanswered; beyond it `hasRoom` says no (default 64 MiB) */
  readonly maxOpenBytes?: number
}

interface Waiting {
  readonly events: readonly ToolEvent[]
  readonly rejected: readonly Rejected[]
  readonly resolve: () => void
  readonly reject: (cause: DeliveryError) => void
}

/**
 * Requests as a source: what the routes deliver waits here, in memory, until the pipeline pulls it, and a request is
 * answered once the batch that holds it is acknowledged. A batch is yielded as soon as the pipeline asks and anything
 * waits, so an idle system does not delay and a busy one batches by itself.
 */
export class HttpSource implements Source, Delivery {
  readonly name = 'http'
  private readonly origin: string
  private readonly maxBatchEvents: number
  private readonly maxWaitingEvents: number
  private readonly maxOpenBytes: number
  private waiting: Waiting[] = []
  private waitingEvents = 0
  private openBytes = 0
  private position = 0
  private wake: (() => void) | undefined
  private isClosed = false

  constructor(options: HttpSourceOptions) {
    this.origin = `http:${options.startedMs}`
    this.maxBatchEvents = options.maxBatchEvents ?? 5_000
    this.maxWaitingEvents = options.maxWaitingEvents ?? 50_000
    this.maxOpenBytes = options.maxOpenBytes ?? 64 * 1024 * 1024
  }

  place(): Provenance {
    return { origin: this.origin, position: this.position++ }
  }

  hasRoom(): boolean {
    return this.waitingEvents < this.maxWaitingEvents && this.openBytes < this.maxOpenBytes
  }

  async deliver(events: readonly ToolEvent[], rejected: readonly Rejected[], bytes: number): Promise<void> {
    if (this.isClosed) throw stopping()
    if (events.length === 0 && rejected.length === 0) return
    const parts: Promise<void>[] = [this.enqueue(events.slice(0, this.maxBatchEvents), rejected)]
    for (let from = this.maxBatchEvents; from < events.length; from += this.maxBatchEvents)
      parts.push(this.enqueue(events.slice(from, from + this.maxBatchEvents), []))
    this.openBytes += bytes
    try {
      await Promise.all(parts)
    } finally {
      this.openBytes -= bytes
    }
  }

  async *batches(signal: AbortSignal): AsyncIterable<Batch> {
    let assigned: readonly string[] = [this.origin]
    const stop = () => {
      this.isClosed = true
      this.wake?.()
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        if (this.waiting.length === 0) await this.somethingWaits()
        // One turn of the event loop, so that requests that arrived together are judged together.
        await nextTurn()
        if (signal.aborted || this.waiting.length === 0) continue
        yield this.batchOf(this.take(), assigned)
        assigned = []
      }
    } finally {
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  close(): Promise<void> {
    this.isClosed = true
    for (const one of this.waiting.splice(0)) one.reject(stopping())
    this.waitingEvents = 0
    return Promise.resolve()
  }

  private enqueue(events: readonly ToolEvent[], rejected: readonly Rejected[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ events, rejected, resolve, reject })
      this.waitingEvents += events.length + rejected.length
      this.wake?.()
    })
  }

  private somethingWaits(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = undefined
        resolve()
      }
    })
  }

  private take(): Waiting[] {
    let events = 0
    let count = 0
    for (const one of this.waiting) {
      if (count > 0 && events + one.events.length > this.maxBatchEvents) break
      events += one.events.length
      count++
    }
    const taken = this.waiting.splice(0, count)
    for (const one of taken) this.waitingEvents -= one.events.length + one.rejected.length
    return taken
  }

  private batchOf(requests: readonly Waiting[], assigned: readonly string[]): Batch {
    return {
      events: requests.flatMap((one) => one.events),
      rejected: requests.flatMap((one) => one.rejected),
      assigned,
      acknowledge() {
        for (const one of requests) one.resolve()
        return Promise.resolve()
      },
      abandon(cause) {
        const error = new DeliveryError('abandoned', 'the events could not be kept: send them again', { cause })
        for (const one of requests) one.reject(error)
        return Promise.resolve()
      },
    }
  }
}

function stopping(): DeliveryError {
  return new DeliveryError('closed', 'Belay is stopping: send the events again')
}
