import { OwnTail } from './own-tail.ts'

/** How fast a series forgets and what counts as strange; lengths are in points. */
export interface SeriesSettings {
  /** half-life of the long mean and deviation, and of the short mean */
  readonly longHalfLife: number
  readonly shortHalfLife: number
  /** as a share of the range seen so far: so far outside of it is as strange as the tail's quantile */
  readonly rangeStep: number
  /** a deviation is compared with this quantile of the series' own deviations, which fade with this half-life */
  readonly tailQuantile: number
  readonly tailHalfLife: number
  /** what the deviation from the hour's own mean weighs, against 1 for the others */
  readonly hourWeight: number
  /** points that are learnt before anything is said */
  readonly warmUp: number
  /** after a report only something `again` times as strange is reported for so many points */
  readonly quiet: number
  readonly again: number
  /** what is less strange than this is not reported */
  readonly least: number
}

/** Found on the 58 series of NAB by `npm run eval -- nab`; how they do on series they were not found on is printed there. */
export const SERIES_SETTINGS: SeriesSettings = {
  longHalfLife: 360,
  shortHalfLife: 8.5,
  rangeStep: 0.01,
  tailQuantile: 0.999,
  tailHalfLife: 4_000,
  hourWeight: 0.8,
  warmUp: 200,
  quiet: 60,
  again: 1.4,
  least: 0.6,
}

const HOURS = 24
/** points of an hour of the day before its mean is believed, and what a point weighs in it at least */
const HOUR_POINTS = 6
const HOUR_RATE = 0.01
/** share of the series' own deviation below which an hour's is not believed */
const DEVIATION_FLOOR = 0.04
const TINY = 1e-9

/**
 * Strangeness of each point of a number's series against its own past, one at a time in constant memory (2 kB): how far
 * outside the range ever seen, how far the short mean is from the long one, how far from what this hour of the day
 * brings. Each of the latter two is a ratio to its own tail, so that a restless series is allowed to be restless; the
 * three are joined by a cubic mean, and what a strange point drags along is reported once.
 */
export class SeriesScorer {
  private readonly settings: SeriesSettings
  private readonly longRate: number
  private readonly shortRate: number
  private readonly shift: OwnTail
  private readonly residual: OwnTail
  private readonly hourMean = new Float64Array(HOURS)
  private readonly hourVariance = new Float64Array(HOURS)
  private readonly hourPoints = new Float64Array(HOURS)
  private points = 0
  private long = 0
  private variance = 0
  private short = 0
  private low = 0
  private high = 0
  private reported = 0
  private sinceReport = Number.POSITIVE_INFINITY

  constructor(settings: SeriesSettings = SERIES_SETTINGS) {
    this.settings = settings
    this.longRate = 1 - 0.5 ** (1 / settings.longHalfLife)
    this.shortRate = 1 - 0.5 ** (1 / settings.shortHalfLife)
    this.shift = new OwnTail(settings.tailQuantile, settings.tailHalfLife)
    this.residual = new OwnTail(settings.tailQuantile, settings.tailHalfLife)
  }

  /** What is usual by now: the long mean, and the highest value seen. */
  get usual(): { readonly mean: number; readonly highest: number } {
    return { mean: this.long, highest: this.high }
  }

  /** Scores a point, then learns it: 0, or its strangeness where it is reported; 1 = as strange as the own tail's quantile. */
  score(value: number, hourOfDay: number): number {
    const strangeness = this.strangeness(value, hourOfDay)
    this.learn(value, hourOfDay)
    const { again, quiet, least } = this.settings
    if (strangeness === 0) return 0
    this.sinceReport++
    if (this.sinceReport > quiet) this.reported = 0
    if (strangeness <= least || strangeness <= this.reported * again) return 0
    this.reported = strangeness
    this.sinceReport = 0
    return strangeness
  }

  /** How strange the point would be, without learning it; 0 during warm-up. */
  strangeness(value: number, hourOfDay: number): number {
    if (this.points < this.settings.warmUp) return 0
    const beyond = this.beyondRange(value) / this.settings.rangeStep
    const shift = this.shift.ratio(this.shiftOf())
    const residual = this.settings.hourWeight * this.residual.ratio(this.residualOf(value, hourOfDay))
    return Math.cbrt(beyond ** 3 + shift ** 3 + residual ** 3)
  }

  private learn(value: number, hourOfDay: number): void {
    const first = this.points === 0
    if (first) {
      this.long = value
      this.short = value
      this.low = value
      this.high = value
    }
    this.shift.add(this.shiftOf())
    this.residual.add(this.residualOf(value, hourOfDay))
    const rate = Math.max(this.longRate, 1 / ++this.points)
    const difference = value - this.long
    this.long += rate * difference
    this.variance = (1 - rate) * (this.variance + rate * difference * difference)
    this.short += this.shortRate * (value - this.short)
    if (value > this.high) this.high = value
    else if (value < this.low) this.low = value
    this.learnHour(value, hourOfDay)
  }

  private learnHour(value: number, hour: number): void {
    const points = (this.hourPoints[hour] ?? 0) + 1
    const rate = Math.max(HOUR_RATE, 1 / points)
    const mean = this.hourMean[hour] ?? 0
    const difference = value - mean
    this.hourPoints[hour] = points
    this.hourMean[hour] = mean + rate * difference
    this.hourVariance[hour] = (1 - rate) * ((this.hourVariance[hour] ?? 0) + rate * difference * difference)
  }

  private beyondRange(value: number): number {
    const range = this.high - this.low
    const beyond = Math.max(0, value - this.high, this.low - value)
    // A series that never moved has no range to be a share of.
    if (beyond > 0 && range === 0) return NO_RANGE
    return beyond === 0 ? 0 : beyond / range
  }

  private shiftOf(): number {
    return Math.abs(this.short - this.long) / this.deviation()
  }

  private residualOf(value: number, hour: number): number {
    if ((this.hourPoints[hour] ?? 0) < HOUR_POINTS) return 0
    const own = Math.sqrt(this.hourVariance[hour] ?? 0) + DEVIATION_FLOOR * this.deviation()
    return Math.abs(value - (this.hourMean[hour] ?? 0)) / own
  }

  private deviation(): number {
    return Math.sqrt(this.variance) + TINY + 1e-6 * Math.abs(this.long)
  }
}

const NO_RANGE = 0.03
