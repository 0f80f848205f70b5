/** Ints of a slot: both numbers of the pair, then the pair's own number plus one; the fourth keeps slots on a cache line. */
const SLOT = 4
const EMPTY = 0
const FIRST_SLOTS = 64

/**
 * Numbers pairs of 32-bit integers from 0 in the order in which they were added: open addressing with linear probing
 * in one typed array (Knuth, The Art of Computer Programming 3, 6.4), at most half full.
 */
export class PairTable {
  private slots = new Int32Array(FIRST_SLOTS * SLOT)
  private mask = FIRST_SLOTS - 1
  private count = 0

  get size(): number {
    return this.count
  }

  /** The pair's number, or -1. */
  find(a: number, b: number): number {
    const { slots } = this
    return (slots[this.slotOf(a, b) + 2] ?? EMPTY) - 1
  }

  /** The pair's number; a pair that is not known yet gets the next one. */
  add(a: number, b: number): number {
    const at = this.slotOf(a, b)
    const known = this.slots[at + 2] ?? EMPTY
    if (known !== EMPTY) return known - 1
    this.slots[at] = a
    this.slots[at + 1] = b
    this.slots[at + 2] = ++this.count
    if (this.count * 2 > this.mask) this.grow()
    return this.count - 1
  }

  /** Where the pair is, or where it would go. */
  private slotOf(a: number, b: number): number {
    const { slots, mask } = this
    for (let i = hashOf(a, b) & mask; ; i = (i + 1) & mask) {
      const at = i * SLOT
      if (slots[at + 2] === EMPTY || (slots[at] === a && slots[at + 1] === b)) return at
    }
  }

  private grow(): void {
    const old = this.slots
    this.slots = new Int32Array(old.length * 2)
    this.mask = this.mask * 2 + 1
    for (let from = 0; from < old.length; from += SLOT) {
      if (old[from + 2] === EMPTY) continue
      const at = this.slotOf(old[from] ?? 0, old[from + 1] ?? 0)
      this.slots.set(old.subarray(from, from + SLOT), at)
    }
  }
}

/** MurmurHash3's 32-bit finaliser, the second number mixed in halfway. */
function hashOf(a: number, b: number): number {
  let x = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13) ^ Math.imul(b, 0x9e3779b1), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
