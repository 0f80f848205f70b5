import type { Correlation, CountTest } from './ast.ts'
import { largest } from './correlate-conditions.ts'
import { Timeline } from './correlate-timeline.ts'

/** What one event of a group means to a correlation. */
export interface Hit {
  readonly timeMs: number
  /** which of the correlation's rules matched, from 0, rising; at least one */
  readonly steps: readonly number[]
  /** what a value correlation reads: a number, for value_count and a share the text of the value */
  readonly value: number | string
  /** a hash of what the event is known by, 0 where that is not known */
  readonly identity: number
}

/**
 * The window of one group: as little as answers the condition for the timespan that ends, both ends included, at the
 * newest event of the group. An event older than that timespan is too late and is not given to it; one that is given
 * again changes nothing.
 */
export interface Window {
  /** Takes the event in; `horizonMs` is where the window begins. Returns the number that the condition is about. */
  add(hit: Hit, horizonMs: number): number
}

/** Values that a sum, a percentile or a late step needs one by one are kept up to this many per group, the newest. */
const MAX_EVENTS = 10_000

/** A new window, for one group of this correlation. */
export function windowOf(correlation: Correlation): Window {
  switch (correlation.type) {
    case 'event_count':
      return new EventCount(enoughFor(correlation.condition))
    case 'value_count':
      return new ValueCount(enoughFor(correlation.condition))
    case 'value_sum':
      return new Sum(false)
    case 'value_avg':
      return new Sum(true)
    case 'value_percentile':
      return correlation.percentile === undefined ? new Share() : new Percentile(correlation.percentile / 100)
    case 'temporal':
      return new Proximity(correlation.rules.length)
    case 'temporal_ordered':
      return new Order(correlation.rules.length)
  }
}

/** A count beyond the largest number it is compared with changes no answer. */
function enoughFor(condition: readonly CountTest[]): number {
  return Math.floor(largest(condition)) + 1
}

class EventCount implements Window {
  private readonly events = new Timeline<undefined>()
  private readonly enough: number

  constructor(enough: number) {
    this.enough = enough
  }

  add({ timeMs, identity }: Hit, horizonMs: number): number {
    this.events.add(timeMs, undefined, identity)
    while (this.events.drop(horizonMs, this.enough));
    return this.events.length
  }
}

/** When each value was last seen, oldest first. */
class ValueCount implements Window {
  private lastSeen = new Map<number | string, number>()
  private newestMs = Number.NEGATIVE_INFINITY
  private readonly enough: number

  constructor(enough: number) {
    this.enough = enough
  }

  add({ timeMs, value }: Hit, horizonMs: number): number {
    if (timeMs > (this.lastSeen.get(value) ?? Number.NEGATIVE_INFINITY)) {
      this.lastSeen.delete(value)
      this.lastSeen.set(value, timeMs)
      if (timeMs < this.newestMs) this.lastSeen = new Map([...this.lastSeen].sort(([, a], [, b]) => a - b))
      else this.newestMs = timeMs
    }
    for (const [oldest, seenMs] of this.lastSeen) {
      if (seenMs >= horizonMs && this.lastSeen.size <= this.enough) break
      this.lastSeen.delete(oldest)
    }
    return this.lastSeen.size
  }
}

/** Added and subtracted while that is exact; a sum of fractions is added up anew, oldest first. */
class Sum implements Window {
  private readonly values = new Timeline<number>()
  private readonly average: boolean
  private sum = 0
  private fractions = 0

  constructor(average: boolean) {
    this.average = average
  }

  add({ timeMs, value, identity }: Hit, horizonMs: number): number {
    const { values } = this
    if (values.add(timeMs, value as number, identity) !== 'known') this.change(value as number, 1)
    for (;;) {
      const gone = values.drop(horizonMs, MAX_EVENTS)
      if (gone === undefined) break
      this.change(gone.value, -1)
    }
    const sum = this.fractions === 0 ? this.sum : this.addedUp()
    return this.average ? sum / values.length : sum
  }

  private change(value: number, by: 1 | -1): void {
    if (Math.abs(value) > EXACT || !Number.isInteger(value)) this.fractions += by
    else this.sum += by * value
  }

  private addedUp(): number {
    let sum = 0
    this.values.forEach((_, value) => {
      sum += value
    })
    return sum
  }
}

/** 10,000 of these add up below 2^53. */
const EXACT = 2 ** 39

/** The value below which this part of the window's values lies, interpolated (Hyndman and Fan 1996, definition 7). */
class Percentile implements Window {
  private readonly values = new Timeline<number>()
  private readonly sorted: number[] = []
  private readonly part: number

  constructor(part: number) {
    this.part = part
  }

  add({ timeMs, value, identity }: Hit, horizonMs: number): number {
    const { values, sorted } = this
    if (values.add(timeMs, value as number, identity) !== 'known')
      sorted.splice(placeOf(sorted, value as number), 0, value as number)
    for (;;) {
      const gone = values.drop(horizonMs, MAX_EVENTS)
      if (gone === undefined) break
      sorted.splice(placeOf(sorted, gone.value), 1)
    }
    const rank = this.part * (sorted.length - 1) + 1
    const below = Math.floor(rank)
    const low = sorted[below - 1] as number
    const high = sorted[below] ?? low
    return low + (rank - below) * (high - low)
  }
}

/** Index of the first that is not smaller. */
function placeOf(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** How many percent of the window's values are the value of the event. */
class Share implements Window {
  private readonly values = new Timeline<number | string>()
  private readonly counts = new Map<number | string, number>()

  add({ timeMs, value, identity }: Hit, horizonMs: number): number {
    const { values, counts } = this
    if (values.add(timeMs, value, identity) !== 'known') counts.set(value, (counts.get(value) ?? 0) + 1)
    for (;;) {
      const gone = values.drop(horizonMs, MAX_EVENTS)
      if (gone === undefined) break
      const left = (counts.get(gone.value) ?? 1) - 1
      if (left === 0) counts.delete(gone.value)
      else counts.set(gone.value, left)
    }
    return (100 * (counts.get(value) ?? 0)) / values.length
  }
}

/** How many of the rules matched within the window. */
class Proximity implements Window {
  private readonly lastMs: number[]

  constructor(rules: number) {
    this.lastMs = Array<number>(rules).fill(Number.NEGATIVE_INFINITY)
  }

  add({ timeMs, steps }: Hit, horizonMs: number): number {
    for (const step of steps) this.lastMs[step] = Math.max(this.lastMs[step] as number, timeMs)
    let seen = 0
    for (const lastMs of this.lastMs) if (lastMs >= horizonMs) seen++
    return seen
  }
}

/**
 * How many of the rules matched in their order within the window, each by an event of its own. `latest` holds, by
 * length and by the last rule of it at most, when the chain began that began last: what is in order extends chains in
 * steps of constant cost, and only a late event makes them be found anew.
 */
class Order implements Window {
  private readonly hits = new Timeline<number>()
  private readonly rules: number
  private readonly latest: Float64Array

  constructor(rules: number) {
    this.rules = rules
    this.latest = new Float64Array(rules * rules)
    this.latest.fill(Number.NEGATIVE_INFINITY)
  }

  add({ timeMs, steps, identity }: Hit, horizonMs: number): number {
    let late = false
    // An event is not before itself: the later rule first.
    for (const step of steps.toReversed()) {
      const added = this.hits.add(timeMs, step, identity)
      if (added === 'late') late = true
      else if (added === 'last') this.extend(timeMs, step)
    }
    while (this.hits.drop(horizonMs, MAX_EVENTS));
    if (late) {
      this.latest.fill(Number.NEGATIVE_INFINITY)
      this.hits.forEach((hitMs, step) => {
        this.extend(hitMs, step)
      })
    }
    return this.longest(horizonMs)
  }

  private extend(timeMs: number, step: number): void {
    const { rules, latest } = this
    for (let length = 0; length <= step; length++) {
      const began = length === 0 ? timeMs : (latest[(length - 1) * rules + step - 1] as number)
      for (let last = step; last < rules; last++) {
        const at = length * rules + last
        if (began > (latest[at] as number)) latest[at] = began
      }
    }
  }

  private longest(horizonMs: number): number {
    const { rules, latest } = this
    for (let length = rules; length > 0; length--)
      if ((latest[length * rules - 1] as number) >= horizonMs) return length
    return 0
  }
}
