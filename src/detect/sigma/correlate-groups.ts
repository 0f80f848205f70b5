import type { Correlation } from './ast.ts'
import { holds, testsOf } from './correlate-conditions.ts'
import { type Hit, type Window, windowOf } from './correlate-windows.ts'

interface Group {
  readonly window: Window
  newestMs: number
}

/** The groups of one correlation. The one that had no event for the longest goes first when there are too many. */
export class Groups {
  private readonly correlation: Correlation
  private readonly tests: Correlation['condition']
  private readonly limit: number
  private readonly groups = new Map<string, Group>()
  /** groups that were given up although they might have had more events */
  evicted = 0

  constructor(correlation: Correlation, limit: number) {
    this.correlation = correlation
    this.limit = limit
    this.tests = testsOf(correlation)
  }

  get size(): number {
    return this.groups.size
  }

  /** Takes an event in; whether the condition holds for the window that it is judged by. Too late an event is not. */
  add(key: string, hit: Hit): boolean {
    const group = this.touch(key)
    if (hit.timeMs > group.newestMs) group.newestMs = hit.timeMs
    const horizonMs = group.newestMs - this.correlation.timespanMs
    return hit.timeMs >= horizonMs && holds(this.tests, group.window.add(hit, horizonMs))
  }

  private touch(key: string): Group {
    const group = this.groups.get(key) ?? { window: windowOf(this.correlation), newestMs: Number.NEGATIVE_INFINITY }
    this.groups.delete(key)
    this.groups.set(key, group)
    if (this.groups.size > this.limit) {
      for (const oldest of this.groups.keys()) {
        this.groups.delete(oldest)
        break
      }
      this.evicted++
    }
    return group
  }
}
