/** Small hash tables in typed arrays: what a session remembers by the million must cost bytes, not objects. */

/** 53-bit hash of a string, two rounds of multiply-and-xor. Not keyed: it only tells a PEP's own ids apart. */
export function hash53(text: string, salt: number): number {
  let a = 0xdeadbeef ^ salt
  let b = 0x41c6ce57 ^ salt
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2654435761)
    b = Math.imul(b ^ c, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0) + 1
}

const NONE: Float64Array = new Float64Array(0)

/**
 * The last `limit` to `2 * limit` ids that were added: two generations, the older one dropped when the younger is full,
 * so that a session of any length is bounded and forgets in a way that a replay repeats.
 */
export class RecentSet {
  private young = NONE
  private old = NONE
  private count = 0

  /** True when it was not there yet. */
  add(hash: number, limit: number): boolean {
    if (find(this.young, hash) || find(this.old, hash)) return false
    if (this.count >= limit) {
      this.old = this.young
      this.young = NONE
      this.count = 0
    }
    if ((this.count + 1) * 4 > this.young.length * 3) this.young = grown(this.young)
    put(this.young, hash)
    this.count++
    return true
  }

  get bytes(): number {
    return this.young.byteLength + this.old.byteLength
  }
}

function find(table: Float64Array, hash: number): boolean {
  const mask = table.length - 1
  if (mask < 0) return false
  for (let i = hash & mask; ; i = (i + 1) & mask) {
    const at = table[i]
    if (at === hash) return true
    if (at === 0) return false
  }
}

function put(table: Float64Array, hash: number): void {
  const mask = table.length - 1
  let i = hash & mask
  while (table[i] !== 0) i = (i + 1) & mask
  table[i] = hash
}

function grown(table: Float64Array): Float64Array {
  const next = new Float64Array(Math.max(8, table.length * 2))
  for (const hash of table) if (hash !== 0) put(next, hash)
  return next
}

/** Where a fingerprint was seen, as bits. */
export const IN_INTENT = 1
export const IN_ARGS = 2
export const IN_UNTRUSTED = 4
export const IN_TRUSTED = 8
export const IMPERATIVE = 16

const EMPTY: Uint32Array = new Uint32Array(0)
const STRIDE = 3

/**
 * Fingerprint -> bits and the number of the tool whose result named it first. Fingerprints are keyed hashes already:
 * their first 64 bits are the entry's name. When full, only what the agent used or was told to use is still added.
 */
export class SightingTable {
  private table = EMPTY
  private count = 0

  /** bits | tool << 8, or 0 */
  get(high: number, low: number): number {
    const mask = this.table.length / STRIDE - 1
    if (mask < 0) return 0
    const at = this.slot(this.table, mask, high, low)
    return this.table[at + 2] ?? 0
  }

  add(high: number, low: number, bits: number, tool: number): void {
    if (this.count * STRIDE * 4 >= this.table.length * 3) this.grow()
    const mask = this.table.length / STRIDE - 1
    const at = this.slot(this.table, mask, high, low)
    const known = this.table[at + 2] ?? 0
    if (known === 0) {
      if (this.count >= MAX_SIGHTINGS && ((bits & (IMPERATIVE | IN_ARGS)) === 0 || this.count >= MAX_SIGHTINGS * 2))
        return
      this.table[at] = high
      this.table[at + 1] = low
      this.count++
    }
    const named = known >>> 8 === 0 ? tool : known >>> 8
    this.table[at + 2] = ((known | bits) & 255) | (named << 8)
  }

  get bytes(): number {
    return this.table.byteLength
  }

  private slot(table: Uint32Array, mask: number, high: number, low: number): number {
    for (let i = (low ^ high) & mask; ; i = (i + 1) & mask) {
      const at = i * STRIDE
      if (table[at + 2] === 0 || (table[at] === high && table[at + 1] === low)) return at
    }
  }

  private grow(): void {
    const old = this.table
    const slots = Math.max(8, (old.length / STRIDE) * 2)
    const next = new Uint32Array(slots * STRIDE)
    for (let at = 0; at < old.length; at += STRIDE) {
      if (old[at + 2] === 0) continue
      const to = this.slot(next, slots - 1, old[at] ?? 0, old[at + 1] ?? 0)
      next.set(old.subarray(at, at + STRIDE), to)
    }
    this.table = next
  }
}

const MAX_SIGHTINGS = 1024
