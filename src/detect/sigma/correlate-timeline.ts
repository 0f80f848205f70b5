/** What became of an event: it came last, it was put in its place before others, or it was there already. */
export type Added = 'last' | 'late' | 'known'

/**
 * Values by their time, oldest first; what has the same time stays in the order of arrival. Nearly everything arrives
 * in order, so that adding is an append and forgetting moves the head.
 */
export class Timeline<Value> {
  private times: number[] = []
  private values: Value[] = []
  private identities: number[] = []
  private head = 0

  get length(): number {
    return this.times.length - this.head
  }

  /** `identity`: of the event, so that one that is told again is not counted again; 0 is never the same as another. */
  add(timeMs: number, value: Value, identity: number): Added {
    const { times, values, identities } = this
    let at = times.length
    while (at > this.head && (times[at - 1] as number) > timeMs) at--
    if (identity !== 0)
      for (let tied = at - 1; tied >= this.head && times[tied] === timeMs; tied--)
        if (identities[tied] === identity && values[tied] === value) return 'known'
    if (at === times.length) {
      times.push(timeMs)
      values.push(value)
      identities.push(identity)
      return 'last'
    }
    times.splice(at, 0, timeMs)
    values.splice(at, 0, value)
    identities.splice(at, 0, identity)
    return 'late'
  }

  /** Drops the oldest when it is older than `horizonMs` or there are more than `limit`; undefined when it stays. */
  drop(horizonMs: number, limit: number): { readonly value: Value } | undefined {
    const { times, values, head } = this
    const oldestMs = times[head]
    if (oldestMs === undefined || (oldestMs >= horizonMs && this.length <= limit)) return undefined
    const value = values[head] as Value
    this.head++
    if (this.head > 32 && this.head * 2 > times.length) {
      this.times = times.slice(this.head)
      this.values = values.slice(this.head)
      this.identities = this.identities.slice(this.head)
      this.head = 0
    }
    return { value }
  }

  forEach(visit: (timeMs: number, value: Value) => void): void {
    for (let at = this.head; at < this.times.length; at++) visit(this.times[at] as number, this.values[at] as Value)
  }
}
