/** Time and chance as a PEP sees them: passed in, so that tests own them. */
export interface Clock {
  /** Unix milliseconds */
  now(): number
  /** Runs once after `delayMs`; the returned function cancels it. Never keeps a process alive. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Doubles from `baseMs` to `maxMs`, with full jitter (Brooker, AWS Architecture Blog 2015); `random` gives 0 to 1. */
export function backoffMs(attempt: number, baseMs: number, maxMs: number, random: () => number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 16)) * (0.5 + random() / 2)
}
