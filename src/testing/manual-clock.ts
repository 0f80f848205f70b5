/** Time that stands still until a test moves it. */
export class ManualClock {
  private nowMs: number
  private waiters: (() => void)[] = []
  private timers: { readonly atMs: number; readonly run: () => void }[] = []

  constructor(startMs = Date.UTC(2026, 10, 21)) {
    this.nowMs = startMs
  }

  now = (): number => this.nowMs

  after = (delayMs: number, run: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, run }
    this.timers.push(timer)
    for (const waiter of this.waiters.splice(0)) waiter()
    return () => {
      this.timers = this.timers.filter((one) => one !== timer)
    }
  }

  /** Resolves when somebody waits for this clock. */
  async armed(): Promise<void> {
    if (this.timers.length > 0) return
    await new Promise<void>((resolve) => this.waiters.push(resolve))
  }

  /** Moves on, and runs the timers that fall due in the order of their time. */
  advance(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const next = this.timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.timers = this.timers.filter((timer) => timer !== next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = endMs
  }
}
