/**
 * Values by their time, oldest first; what has the same time stays in the order of arrival. Nearly everything arrives
 * in order, so that adding is an append and forgetting moves the head.
 */
export class Timeline<Value> {
  private times: number[] = []
  private values: Value[] = []
  private head = 0

  get length(): number {
    return this.times.length - this.head
  }

  /** Whether it came last: false for one that arrived late and was put in its place. */
  add(timeMs: number, value: Value): boolean {
    const { times, values } = this
    let at = times.length
    while (at > this.head && (times[at - 1] as number) > timeMs) at--
    if (at === times.length) {
      times.push(timeMs)
      values.push(value)
      return true
    }
    times.splice(at, 0, timeMs)
    values.splice(at, 0, value)
    return false
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
      this.head = 0
    }
    return { value }
  }

  forEach(visit: (timeMs: number, value: Value) => void): void {
    for (let at = this.head; at < this.times.length; at++) visit(this.times[at] as number, this.values[at] as Value)
  }
}
