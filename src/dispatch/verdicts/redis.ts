import { Redis } from 'ioredis'
import type { Judged, ToolEvent } from '../../model/index.ts'
import type { Clock } from '../clock.ts'
import { eventKey, type Verdicts, type VerdictWord, Waiting, wordOf } from '../verdicts.ts'

export interface RedisVerdictsOptions {
  readonly url: string
  /** Redis channels start with it */
  readonly prefix: string
  /** told about lost connections; must not throw */
  readonly onError: (error: unknown) => void
}

/** Questions that a scorer remembers; whoever asked has given up on older ones. */
const MAX_ASKED = 10_000
const COMMAND_TIMEOUT_MS = 1_000

/**
 * Verdicts over Redis pub/sub: who waits says so before it puts the event on the path, every scorer hears it, and the
 * owner of the event's partition answers. Nothing is kept: a lost message is a verdict that did not come in time.
 */
export class RedisVerdicts implements Verdicts {
  private readonly redis: Redis
  private readonly subscriber: Redis
  private readonly onError: (error: unknown) => void
  private readonly asking: string
  private readonly answers: string
  private readonly waiting: Waiting
  private readonly asked = new Set<string>()

  private constructor(clock: Clock, { url, prefix, onError }: RedisVerdictsOptions) {
    this.waiting = new Waiting(clock)
    this.redis = new Redis(url, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
    this.subscriber = new Redis(url, { maxRetriesPerRequest: null })
    this.onError = onError
    this.redis.on('error', onError)
    this.subscriber.on('error', onError)
    this.asking = `${prefix}:asking`
    this.answers = `${prefix}:answers`
  }

  /** Resolves when it hears. */
  static async connect(clock: Clock, options: RedisVerdictsOptions): Promise<RedisVerdicts> {
    const verdicts = new RedisVerdicts(clock, options)
    verdicts.subscriber.on('message', (channel, text) => verdicts.hear(channel, text))
    await verdicts.subscriber.subscribe(verdicts.asking, verdicts.answers)
    return verdicts
  }

  async of(event: ToolEvent, deliver: () => Promise<void>, timeoutMs: number): Promise<VerdictWord | undefined> {
    const key = eventKey(event)
    return this.waiting.wait(
      key,
      async () => {
        await this.redis.publish(this.asking, key)
        await deliver()
      },
      timeoutMs,
    )
  }

  tell(judged: readonly Judged[]): void {
    if (this.asked.size === 0) return
    for (const one of judged) {
      const key = eventKey(one.event)
      if (!this.asked.delete(key)) continue
      this.redis.publish(this.answers, JSON.stringify({ key, word: wordOf(one) })).catch(this.onError)
    }
  }

  close(): void {
    this.redis.disconnect()
    this.subscriber.disconnect()
  }

  private hear(channel: string, text: string): void {
    if (channel === this.answers) {
      const { key, word } = JSON.parse(text) as { readonly key: string; readonly word: VerdictWord }
      this.waiting.answer(key, word)
      return
    }
    this.asked.add(text)
    const [oldest] = this.asked
    if (this.asked.size > MAX_ASKED && oldest !== undefined) this.asked.delete(oldest)
  }
}
