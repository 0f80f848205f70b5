import type { Judged, Reason, ToolEvent } from '../model/index.ts'
import type { Clock } from './clock.ts'

/** What a PEP that waits is told of its event's verdict. */
export interface VerdictWord {
  /** evidence of this event alone, nats */
  readonly score: number
  /** session risk after it, 0..1 */
  readonly risk: number
  /** whether it raised a finding */
  readonly finding: boolean
  readonly reasons: readonly Reason[]
}

/**
 * Verdicts on their way back to whoever waits for them. `tell` is called by the process that judges, for every batch
 * once its orders are durable; it costs nothing while nobody waits.
 */
export interface Verdicts {
  /**
   * Runs `deliver`, which puts the event on the path, and resolves with its verdict; undefined when it did not come in
   * time. Rejects with what `deliver` rejects with.
   */
  of(event: ToolEvent, deliver: () => Promise<void>, timeoutMs: number): Promise<VerdictWord | undefined>
  tell(judged: readonly Judged[]): void
  close(): void
}

/** Whoever waits in this process, by event. */
export class Waiting {
  private readonly byEvent = new Map<string, (word: VerdictWord) => void>()
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.byEvent.size
  }

  has(key: string): boolean {
    return this.byEvent.has(key)
  }

  answer(key: string, word: VerdictWord): void {
    this.byEvent.get(key)?.(word)
  }

  wait(key: string, deliver: () => Promise<void>, timeoutMs: number): Promise<VerdictWord | undefined> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel()
        this.byEvent.delete(key)
      }
      const cancel = this.clock.after(timeoutMs, () => {
        end()
        resolve(undefined)
      })
      this.byEvent.set(key, (word) => {
        end()
        resolve(word)
      })
      // What was delivered is answered for by its verdict, long before it is stored; only a refusal is news.
      deliver().catch((error: unknown) => {
        end()
        reject(error instanceof Error ? error : new Error(String(error)))
      })
    })
  }
}

/** One process judges and answers. */
export class LocalVerdicts implements Verdicts {
  private readonly waiting: Waiting

  constructor(clock: Clock) {
    this.waiting = new Waiting(clock)
  }

  of(event: ToolEvent, deliver: () => Promise<void>, timeoutMs: number): Promise<VerdictWord | undefined> {
    return this.waiting.wait(eventKey(event), deliver, timeoutMs)
  }

  tell(judged: readonly Judged[]): void {
    if (this.waiting.size === 0) return
    for (const one of judged) {
      const key = eventKey(one.event)
      if (this.waiting.has(key)) this.waiting.answer(key, wordOf(one))
    }
  }

  close(): void {
    // Nothing is open.
  }
}

export function eventKey({ tenant, source, id }: ToolEvent): string {
  return `${tenant}\u001f${source}\u001f${id}`
}

const MAX_REASONS = 5

export function wordOf({ verdict }: Judged): VerdictWord {
  const { score, risk, findings, signals } = verdict
  const reasons = signals.flatMap((signal) => signal.reasons).slice(0, MAX_REASONS)
  return { score, risk, finding: findings.length > 0, reasons }
}
