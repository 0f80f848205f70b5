import type { Api } from './api.ts'
import { backoffMs, type Clock } from './clock.ts'
import type { Containments } from './containments.ts'
import { type SseEvent, SseParser } from './sse.ts'
import { type Containment, membersOf, readContainment } from './wire.ts'

/** Belay says something at least every 15 s. */
const SILENCE_MS = 40_000
const RETRY_MS = { base: 250, max: 10_000 }

export interface FeedParts {
  readonly api: Api
  readonly containments: Containments
  readonly clock: Clock
  readonly random: () => number
  /** told why a connection ended or could not be made; must not throw */
  readonly failed: (why: Error) => void
}

/**
 * Follows `GET /v1/decisions/stream`: while it is fresh the PEP knows all that is contained and asks nobody. Comes back
 * with `Last-Event-ID`, so that nothing is missed. A snapshot adds and never frees: a Belay that lost its memory must
 * not let go of what it ordered before; releases come by themselves, and every containment ends.
 */
export class Feed {
  private readonly parts: FeedParts
  private readonly ending = new AbortController()
  private connection: AbortController | undefined
  private isOpen = false
  private heardMs = 0
  private lastEventId: string | undefined
  private attempt = 0
  private cancelTimer: () => void = () => undefined

  constructor(parts: FeedParts) {
    this.parts = parts
  }

  /** What is known here is all there is to know. */
  get isFresh(): boolean {
    return this.isOpen && this.parts.clock.now() - this.heardMs < SILENCE_MS
  }

  start(): void {
    this.follow().catch(() => undefined)
  }

  stop(): void {
    this.isOpen = false
    this.cancelTimer()
    this.ending.abort()
    this.connection?.abort()
  }

  private async follow(): Promise<void> {
    const connection = new AbortController()
    this.connection = connection
    try {
      await this.read(connection)
      throw new Error('Belay ended the stream')
    } catch (error) {
      this.isOpen = false
      this.cancelTimer()
      connection.abort()
      if (this.ending.signal.aborted) return
      this.parts.failed(error instanceof Error ? error : new Error(String(error)))
    }
    const waitMs = backoffMs(this.attempt++, RETRY_MS.base, RETRY_MS.max, this.parts.random)
    this.cancelTimer = this.parts.clock.after(waitMs, () => this.start())
  }

  private async read(connection: AbortController): Promise<void> {
    const since = this.lastEventId === undefined ? undefined : { 'last-event-id': this.lastEventId }
    // Also limits the time to connect.
    this.heard(connection)
    const response = await this.parts.api.stream(
      '/v1/decisions/stream',
      { accept: 'text/event-stream', ...since },
      connection.signal,
    )
    if (response.status !== 200 || response.body === null)
      throw new Error(`the stream of decisions answered ${response.status}`)
    const parser = new SseParser()
    const decoder = new TextDecoder()
    for await (const chunk of response.body) {
      const events = parser.push(decoder.decode(chunk as Uint8Array, { stream: true }))
      for (const event of events) this.take(event)
      this.heard(connection)
      // Its first words are a snapshot, or that it resumes where we were.
      this.isOpen = true
      this.attempt = 0
    }
  }

  private heard(connection: AbortController): void {
    this.heardMs = this.parts.clock.now()
    this.cancelTimer()
    this.cancelTimer = this.parts.clock.after(SILENCE_MS, () => connection.abort())
  }

  private take({ id, event, data }: SseEvent): void {
    const value: unknown = JSON.parse(data)
    for (const containment of event === 'snapshot' ? listed(value) : listed({ containments: [value] })) {
      const { containments, clock } = this.parts
      if (event === 'release') containments.release(containment, 'stream', clock.now())
      else containments.apply(containment, 'stream', clock.now())
    }
    if (id !== undefined) this.lastEventId = id
  }
}

function listed(value: unknown): readonly Containment[] {
  const { containments } = membersOf(value)
  if (!Array.isArray(containments)) return []
  return containments.map(readContainment).filter((one) => one !== undefined)
}
