/** The store is left alone for a while after it failed; nothing was asked. */
export class RestingError extends Error {
  override readonly name = 'RestingError'
  readonly code = 'store-resting'
}

/**
 * A circuit breaker for look-ups that the stream waits for: a store that hangs costs its time-out once per `restMs`, not
 * once per batch. After a failure every call is refused with RestingError until then; the next one tries again.
 */
export class Patience {
  private readonly restMs: number
  private readonly now: () => number
  private restsUntilMs = Number.NEGATIVE_INFINITY

  constructor(restMs: number, now: () => number) {
    this.restMs = restMs
    this.now = now
  }

  async ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.now() < this.restsUntilMs) throw new RestingError('the store failed a moment ago; it is asked again soon')
    try {
      return await question()
    } catch (error) {
      this.restsUntilMs = this.now() + this.restMs
      throw error
    }
  }
}
