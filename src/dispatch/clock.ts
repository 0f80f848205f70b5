/** Time as the dispatch room sees it: passed in, so that tests own it. */
export interface Clock {
  /** Unix milliseconds */
  now(): number
  /** Runs once after `delayMs`; the returned function cancels it. Never keeps a process alive. */
  after(delayMs: number, run: () => void): () => void
}

/** Node's timers overflow beyond 2^31-1 ms and would then fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647

export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
