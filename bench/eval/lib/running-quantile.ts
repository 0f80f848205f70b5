/** Exact quantiles of everything added so far; memory and an insertion grow with it, which thousands bear well. */
export class RunningQuantile {
  private readonly ascending: number[] = []

  add(value: number): void {
    let low = 0
    let high = this.ascending.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.ascending[middle] ?? 0) < value) low = middle + 1
      else high = middle
    }
    this.ascending.splice(low, 0, value)
  }

  /** Infinity while nothing was added. */
  at(share: number): number {
    return this.ascending[Math.floor(share * this.ascending.length)] ?? Number.POSITIVE_INFINITY
  }
}
