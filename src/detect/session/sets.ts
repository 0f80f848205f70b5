/** Small hash tables in flat arrays: what a session remembers by the million must cost bytes, not objects. */

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

/** Marks a free slot; a fraction, so that the engine keeps the array as plain doubles. */
const FREE = 0.5
const NONE: number[] = []

/**
 * The last `limit` to `2 * limit` ids that were added: two generations, the older one dropped when the younger is full,
 * so that a session of any length is bounded and forgets in a way that a replay repeats. Arrays of doubles cost less
 * than typed arrays, whose headers and buffers outweigh the few ids of a usual session.
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
    if ((this.count + 1) * 8 > this.young.length * 7) this.young = grown(this.young)
    put(this.young, hash)
    this.count++
    return true
  }
}

function freeTable(length: number): number[] {
  // oxlint-disable-next-line unicorn/no-new-array -- one allocation of doubles; Array.from would build it one by one
  return new Array<number>(length).fill(FREE)
}

/** By half: twice the slots would on average be a third empty ones more. */
function grownLength(length: number): number {
  return Math.max(8, Math.ceil(length * 1.5))
}

/** The lower 32 bits of a hash spread over any number of slots, without a division. */
function firstSlot(hash: number, length: number): number {
  return Math.floor(((hash >>> 0) * length) / 4_294_967_296)
}

function find(table: readonly number[], hash: number): boolean {
  const { length } = table
  if (length === 0) return false
  for (let i = firstSlot(hash, length); ; i = i + 1 === length ? 0 : i + 1) {
    const at = table[i]
    if (at === hash) return true
    if (at === FREE) return false
  }
}

function put(table: number[], hash: number): void {
  const { length } = table
  let i = firstSlot(hash, length)
  while (table[i] !== FREE) i = i + 1 === length ? 0 : i + 1
  table[i] = hash
}

function grown(table: readonly number[]): number[] {
  const next = freeTable(grownLength(table.length))
  for (const hash of table) if (hash !== FREE) put(next, hash)
  return next
}

/** Where a fingerprint was seen, as bits. */
export const IN_INTENT = 1
export const IN_ARGS = 2
export const IN_UNTRUSTED = 4
export const IN_TRUSTED = 8
export const IMPERATIVE = 16

const MAX_SIGHTINGS = 1024
/** An entry is one double: 40 bits of name, 8 of tool number, 5 of places. */
const NAME_UNIT = 8192
const TOOL_UNIT = 32

/**
 * Fingerprint -> places and the number (0 to 255) of the tool whose result named it first. Fingerprints are keyed
 * hashes already, so nobody can choose two that agree: their first 40 bits are the entry's name. When full, only what
 * the agent used or was told to use is still added.
 */
export class SightingTable {
  private table = NONE
  private count = 0

  /** places | tool << 5, or 0 */
  get(name: number): number {
    if (this.count === 0) return 0
    const entry = this.table[slotOf(this.table, name)] ?? FREE
    return entry === FREE ? 0 : entry % NAME_UNIT
  }

  add(name: number, places: number, tool: number): void {
    if ((this.count + 1) * 8 > this.table.length * 7) this.grow()
    const at = slotOf(this.table, name)
    const entry = this.table[at] ?? FREE
    if (entry !== FREE) {
      const known = entry % NAME_UNIT
      const first = known >= TOOL_UNIT ? known >> 5 : tool
      this.table[at] = name * NAME_UNIT + first * TOOL_UNIT + ((known | places) & (TOOL_UNIT - 1))
      return
    }
    const wanted = (places & (IMPERATIVE | IN_ARGS)) !== 0
    if (this.count >= (wanted ? 2 * MAX_SIGHTINGS : MAX_SIGHTINGS)) return
    this.table[at] = name * NAME_UNIT + tool * TOOL_UNIT + places
    this.count++
  }

  private grow(): void {
    const old = this.table
    this.table = freeTable(grownLength(old.length))
    for (const entry of old) if (entry !== FREE) this.table[slotOf(this.table, Math.floor(entry / NAME_UNIT))] = entry
  }
}

function slotOf(table: readonly number[], name: number): number {
  const { length } = table
  const least = name * NAME_UNIT
  for (let i = firstSlot(name, length); ; i = i + 1 === length ? 0 : i + 1) {
    const entry = table[i] ?? FREE
    if (entry === FREE || (entry >= least && entry < least + NAME_UNIT)) return i
  }
}
