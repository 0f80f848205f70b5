/** Buckets to an octave, and how many octaves above 2^LOWEST are told apart. */
const PER_OCTAVE = 3
const LOWEST = -6
const BUCKETS = 48
/** the quantile is looked up again after so many values (a power of two) */
const REFRESH = 8
/** a tail shorter than this is noise of a series that hardly moves */
const LEAST_QUANTILE = 0.5
const RESCALE_AT = 1e12

/**
 * How large a deviation is for this very series: its ratio to an upper quantile of all deviations before it, kept in a
 * histogram on a log scale whose older counts fade. Constant memory, about 400 bytes.
 */
export class OwnTail {
  private readonly buckets = new Float64Array(BUCKETS)
  private readonly share: number
  private readonly growth: number
  /** what a new value weighs: growing weights are fading old ones */
  private weight = 1
  private total = 0
  private added = 0
  private quantile = 0

  /** `quantile` 0..1; `halfLife` in values */
  constructor(quantile: number, halfLife: number) {
    this.share = 1 - quantile
    this.growth = 2 ** (1 / halfLife)
  }

  /** 1 = as large as the quantile so far; 0 while there is none. */
  ratio(deviation: number): number {
    return this.quantile > 0 ? deviation / this.quantile : 0
  }

  add(deviation: number): void {
    const bucket = Math.floor((Math.log2(deviation + 1e-9) - LOWEST) * PER_OCTAVE)
    const at = Math.min(BUCKETS - 1, Math.max(0, bucket))
    this.weight *= this.growth
    this.buckets[at] = (this.buckets[at] ?? 0) + this.weight
    this.total += this.weight
    if ((++this.added & (REFRESH - 1)) === 0) this.refresh()
  }

  private refresh(): void {
    if (this.weight > RESCALE_AT) this.rescale()
    const wanted = this.share * this.total
    let above = 0
    let bucket = BUCKETS - 1
    for (; bucket > 0; bucket--) {
      above += this.buckets[bucket] ?? 0
      if (above >= wanted) break
    }
    this.quantile = Math.max(2 ** ((bucket + 1) / PER_OCTAVE + LOWEST), LEAST_QUANTILE)
  }

  private rescale(): void {
    for (let i = 0; i < BUCKETS; i++) this.buckets[i] = (this.buckets[i] ?? 0) / this.weight
    this.total /= this.weight
    this.weight = 1
  }
}
