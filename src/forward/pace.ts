/** A token bucket: so many a second on average, one second's worth at once. */
export class Pace {
  private readonly perSecond: number
  private tokens: number
  private atMs: number

  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond
    this.tokens = perSecond
    this.atMs = nowMs
  }

  /** How many of `wanted` may go now, at least one when the wait is over; and how long until the next may. */
  take(wanted: number, nowMs: number): { readonly granted: number; readonly waitMs: number } {
    this.tokens = Math.min(this.perSecond, this.tokens + (Math.max(0, nowMs - this.atMs) / 1000) * this.perSecond)
    this.atMs = nowMs
    const granted = Math.min(wanted, Math.floor(this.tokens))
    this.tokens -= granted
    return { granted, waitMs: granted > 0 ? 0 : Math.ceil(((1 - this.tokens) / this.perSecond) * 1000) }
  }
}
