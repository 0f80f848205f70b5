import type { Clock } from './clock.ts'

const OPEN_AFTER = 3
const OPEN_MS = 5_000

/**
 * A circuit breaker (Nygard, Release It!, 2007): after three failures in a row nobody asks for 5 s, then one caller
 * tries. Without it a decision service that hangs costs every call its whole time-out.
 */
export class CircuitBreaker {
  private readonly clock: Clock
  private failures = 0
  private openUntilMs = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Whether to ask. Who was told so and fails must say so, or the next one waits for nothing. */
  admits(): boolean {
    if (this.failures < OPEN_AFTER) return true
    if (this.clock.now() < this.openUntilMs) return false
    // One tries; the others go on without until its answer is there.
    this.openUntilMs = this.clock.now() + OPEN_MS
    return true
  }

  succeeded(): void {
    this.failures = 0
  }

  failed(): void {
    this.failures++
    if (this.failures >= OPEN_AFTER) this.openUntilMs = this.clock.now() + OPEN_MS
  }
}
