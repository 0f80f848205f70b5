import { hash53 } from './session/sets.ts'

/** Keys kept by name in one generation; two generations are kept. */
const MOST = 1_000_000
const SALT = 3

/**
 * Sessions and agents that a look-up may find, so that a new one needs none: those that the store named when it was
 * asked, and those that this process has let go since. Held as hashes: two that agree cost one look-up too many.
 *
 * Bounded by generations in event time. Who comes so late that its generation may be gone already is looked up.
 */
export class Findable {
  private readonly spanMs: number
  private young = new Set<number>()
  private old = new Set<number>()
  /** event time at which the young generation began */
  private youngMs = 0
  private nowMs = 0
  /** what was stored before is not named */
  private namedFromMs = Number.POSITIVE_INFINITY
  /** events up to here may belong to what is named no more */
  private forgottenMs = Number.NEGATIVE_INFINITY

  /** `spanMs`: nothing of a session or agent that was silent for so long is looked for */
  constructor(spanMs: number) {
    this.spanMs = spanMs
  }

  /** From where on in event time the store must be asked for names, so that events from `earliestMs` on are answered. */
  reachOf(earliestMs: number): number {
    // Half as much again, because what comes next may be earlier.
    return earliestMs - 1.5 * this.spanMs
  }

  /** What the store named; undefined when it was too much to name: then everyone is looked up. */
  named(keys: Iterable<string> | undefined, fromMs: number): void {
    this.namedFromMs = keys === undefined ? Number.POSITIVE_INFINITY : fromMs
    for (const key of keys ?? []) this.young.add(hash53(key, SALT))
  }

  add(key: string, nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs
    if (this.nowMs - this.youngMs >= 2 * this.spanMs || this.young.size >= MOST) this.age()
    this.young.add(hash53(key, SALT))
  }

  has(key: string, timeMs: number): boolean {
    if (timeMs - this.spanMs < this.namedFromMs || timeMs <= this.forgottenMs) return true
    const hash = hash53(key, SALT)
    return this.young.has(hash) || this.old.has(hash)
  }

  private age(): void {
    if (this.old.size > 0) this.forgottenMs = this.youngMs + this.spanMs
    this.old = this.young
    this.young = new Set()
    this.youngMs = this.nowMs
  }
}
