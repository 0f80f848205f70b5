import { type Action, mostSevere } from '../../src/model/order.ts'
import type { Answer, Api } from './api.ts'
import type { CircuitBreaker } from './breaker.ts'
import type { Clock } from './clock.ts'
import type { Containments, Query } from './containments.ts'
import { readDecided } from './wire.ts'

export type Origin = 'callback' | 'query' | 'cache' | 'stale' | 'fail-open' | 'fail-closed'

/** What a call's PEP must do, and how it knows. */
export interface Decision {
  readonly action: Action
  readonly containmentId?: string
  readonly expiresMs?: number
  readonly origin: Origin
}

export interface DecisionParts {
  readonly api: Api
  readonly containments: Containments
  readonly feed: { readonly isFresh: boolean }
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  /** how long a call waits for an answer at most */
  readonly timeoutMs: number
  readonly failed: (why: Error) => void
}

interface Cached {
  readonly decision: Decision
  readonly etag: string | null
  readonly untilMs: number
}

const MAX_CACHED = 10_000

/**
 * Decides from what the stream and callbacks told while the stream is fresh, without asking; else asks
 * `GET /v1/decisions`, with what it answered kept for its time to live and then asked for anew with its ETag. When
 * nobody answers, what is known to be contained stays so until its end, and the rest is as the PEP chose for the tool.
 */
export class Decisions {
  private readonly parts: DecisionParts
  private readonly cached = new Map<string, Cached>()
  private readonly asking = new Map<string, Promise<Decision | undefined>>()

  constructor(parts: DecisionParts) {
    this.parts = parts
  }

  /** `failClosed`: hold the call when nobody can say whether it is contained. */
  async of(query: Query, failClosed: boolean): Promise<Decision> {
    if (this.parts.feed.isFresh) return this.known(query, 'cache') ?? { action: 'allow', origin: 'cache' }
    return this.settle(query, await this.polled(query), failClosed)
  }

  /**
   * Sends a call's request event to `POST /v1/decide` and decides by the verdict of the live path. `isTaken` says
   * whether Belay has the event; if not, the caller sends it the other way.
   */
  async ofEvent(
    query: Query,
    event: string,
    failClosed: boolean,
  ): Promise<{ readonly decision: Decision; readonly isTaken: boolean }> {
    const answer = await this.ask(() =>
      this.parts.api.ask('/v1/decide', {
        method: 'POST',
        body: event,
        contentType: 'application/cloudevents+json',
        timeoutMs: this.parts.timeoutMs,
      }),
    )
    const asked = answer?.status === 200 ? decisionOf(answer, 'query') : undefined
    if (asked !== undefined) return { decision: this.settle(query, asked, failClosed), isTaken: true }
    const decision = this.parts.feed.isFresh
      ? (this.known(query, 'cache') ?? { action: 'allow', origin: 'cache' })
      : this.settle(query, undefined, failClosed)
    return { decision, isTaken: false }
  }

  /** An answer, what is known here, or neither. */
  private settle(query: Query, asked: Decision | undefined, failClosed: boolean): Decision {
    const known = this.known(query, 'stale')
    if (asked === undefined) return known ?? { action: 'allow', origin: failClosed ? 'fail-closed' : 'fail-open' }
    return known === undefined || mostSevere(asked.action, known.action) === asked.action ? asked : known
  }

  private known(query: Query, origin: Origin): Decision | undefined {
    const held = this.parts.containments.covering(query, this.parts.clock.now())
    if (held === undefined) return undefined
    const { id, level, expiresMs } = held.containment
    const via = held.via === 'callback' ? held.via : origin
    return { action: level ?? 'allow', containmentId: id, expiresMs, origin: via }
  }

  private polled(query: Query): Promise<Decision | undefined> {
    const path = `/v1/decisions?${new URLSearchParams({ ...query }).toString()}`
    const cached = this.cached.get(path)
    if (cached !== undefined && this.parts.clock.now() < cached.untilMs)
      return Promise.resolve({ ...cached.decision, origin: 'cache' })
    const running = this.asking.get(path)
    if (running !== undefined) return running
    const asking = this.poll(path, cached).finally(() => this.asking.delete(path))
    this.asking.set(path, asking)
    return asking
  }

  private async poll(path: string, cached: Cached | undefined): Promise<Decision | undefined> {
    const { api, clock, timeoutMs } = this.parts
    const headers = cached?.etag === null || cached === undefined ? {} : { 'if-none-match': cached.etag }
    const answer = await this.ask(() => api.ask(path, { headers, timeoutMs }))
    if (answer === undefined) return undefined
    const isUnchanged = answer.status === 304 && cached !== undefined
    const decision = isUnchanged ? cached.decision : decisionOf(answer, 'query')
    if (decision === undefined) return undefined
    const ttlMs = isUnchanged ? MAX_TTL_MS : (readDecided(answer.body)?.ttlMs ?? 0)
    this.cached.delete(path)
    this.cached.set(path, { decision, etag: answer.headers.get('etag'), untilMs: clock.now() + ttlMs })
    const [oldest] = this.cached.keys()
    if (this.cached.size > MAX_CACHED && oldest !== undefined) this.cached.delete(oldest)
    return decision
  }

  private async ask(ask: () => Promise<Answer>): Promise<Answer | undefined> {
    const { breaker, failed } = this.parts
    if (!breaker.admits()) return undefined
    try {
      const answer = await ask()
      if (answer.status === 200 || answer.status === 304) breaker.succeeded()
      else throw new Error(`asked for a decision, Belay answered ${answer.status}`)
      return answer
    } catch (error) {
      breaker.failed()
      failed(error instanceof Error ? error : new Error(String(error)))
      return undefined
    }
  }
}

const MAX_TTL_MS = 2_000

function decisionOf(answer: Answer, origin: Origin): Decision | undefined {
  const decided = readDecided(answer.body)
  if (decided === undefined) return undefined
  const { ttlMs: _, ...decision } = decided
  return { ...decision, origin }
}
