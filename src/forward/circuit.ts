export type CircuitState = 'closed' | 'open' | 'half-open'

const FIRST_MS = 500
const LONGEST_MS = 60_000
const JITTER = 0.2
/** failures in a row after which the destination counts as down */
const OPENS_AT = 5

/**
 * Circuit breaker and backoff in one: each failure in a row doubles the wait, up to a minute, with jitter, so that a
 * receiver that comes back is not hit by everybody at once. Once open, a single message goes first to see whether it
 * is back.
 */
export class Circuit {
  private readonly random: () => number
  private failures = 0
  private isTrying = false

  /** `random`: uniform in [0, 1) */
  constructor(random: () => number) {
    this.random = random
  }

  get state(): CircuitState {
    if (this.failures < OPENS_AT) return 'closed'
    return this.isTrying ? 'half-open' : 'open'
  }

  get failuresInARow(): number {
    return this.failures
  }

  /** Before a batch: how many messages may go. */
  allows(batch: number): number {
    this.isTrying = true
    return this.failures >= OPENS_AT ? Math.min(1, batch) : batch
  }

  succeeded(): void {
    this.failures = 0
    this.isTrying = false
  }

  /** How long to wait, milliseconds. A `Retry-After` of the receiver counts where it is longer. */
  failed(afterMs = 0): number {
    this.isTrying = false
    const doubled = Math.min(FIRST_MS * 2 ** Math.min(this.failures, 20), LONGEST_MS)
    this.failures++
    return Math.max(Math.round(doubled * (1 - JITTER + 2 * JITTER * this.random())), afterMs)
  }
}
