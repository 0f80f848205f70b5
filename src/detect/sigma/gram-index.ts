/**
 * Finds which of many texts may stand in a value, in one pass over it. Of each text only four characters (its rarest
 * ones among all texts) are looked for, or two when it is shorter; whoever is found is a candidate and tested in full.
 * One multiplication and one bit per character, whatever the number of texts.
 */
export class GramIndex {
  private readonly owners = new Map<number, number[]>()
  private readonly shortOwners = new Map<number, number[]>()
  private bits = new Uint32Array(8)
  private shift = 24
  private shortBits: Uint32Array | undefined

  /** `literal`: lower case, at least two characters; `weigh`: how common a gram is among all texts */
  add(literal: string, owner: number, weigh: (gram: number) => number): void {
    const short = literal.length < GRAM
    const key = short ? pairAt(literal, 0) : rarestGram(literal, weigh)
    const owners = short ? this.shortOwners : this.owners
    const known = owners.get(key)
    if (!known) owners.set(key, [owner])
    else if (!known.includes(owner)) known.push(owner)
  }

  /** Builds the bit table; call it once, after the last `add`. */
  seal(): void {
    // 32 bits per gram: one character in about 32 passes by chance
    const log2 = Math.max(8, Math.ceil(Math.log2(this.owners.size * 32 + 1)))
    this.shift = 32 - log2
    this.bits = new Uint32Array(2 ** (log2 - 5))
    for (const gram of this.owners.keys()) setBit(this.bits, slotOf(gram, this.shift))
    if (this.shortOwners.size === 0) return
    this.shortBits = new Uint32Array(65_536 / 32)
    for (const pair of this.shortOwners.keys()) setBit(this.shortBits, pair)
  }

  /** Calls `found` for every owner of a text that may stand in `text` (lower case); for some more than once. */
  scan(text: string, found: (owner: number) => void): void {
    const { bits, shift, shortBits } = this
    let gram = 0
    for (let index = 0; index < text.length; index++) {
      gram = (gram << 8) | (text.charCodeAt(index) & 255)
      const slot = slotOf(gram, shift)
      if (((bits[slot >>> 5] as number) >>> (slot & 31)) & 1) report(this.owners.get(gram), found)
      if (shortBits !== undefined) {
        const pair = gram & 0xffff
        if (((shortBits[pair >>> 5] as number) >>> (pair & 31)) & 1) report(this.shortOwners.get(pair), found)
      }
    }
  }
}

const GRAM = 4

function report(owners: readonly number[] | undefined, found: (owner: number) => void): void {
  if (owners !== undefined) for (const owner of owners) found(owner)
}

/** The four characters at `at`, a byte of each: what collides is a candidate too many, never one too few. */
function gramAt(text: string, at: number): number {
  return (pairAt(text, at) << 16) | pairAt(text, at + 2)
}

function pairAt(text: string, at: number): number {
  return ((text.charCodeAt(at) & 255) << 8) | (text.charCodeAt(at + 1) & 255)
}

export function gramsOf(literal: string): readonly number[] {
  const grams: number[] = []
  for (let at = 0; at + GRAM <= literal.length; at++) grams.push(gramAt(literal, at))
  return grams
}

function rarestGram(literal: string, weigh: (gram: number) => number): number {
  return gramsOf(literal).reduce((best, gram) => (weigh(gram) < weigh(best) ? gram : best))
}

/** Knuth's multiplicative hash: the high bits of the product. */
function slotOf(gram: number, shift: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> shift
}

function setBit(bits: Uint32Array, slot: number): void {
  bits[slot >>> 5] = ((bits[slot >>> 5] ?? 0) | (1 << (slot & 31))) >>> 0
}
