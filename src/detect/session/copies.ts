import { SharedList } from './shared-list.ts'

/** words of a shingle: fewer are common by chance, more are broken by every edit */
const SHINGLE = 3
/**
 * Hashes kept of one result: the smallest of each of so many classes (one-permutation hashing: Li, Owen and Zhang 2012),
 * and of a session the last RESULTS of them.
 */
const PER_RESULT = 8
const RESULTS = 5
/** shingles of one result that must reappear, and those that make it more than a phrase */
const LEAST_SHARED = 2
const MUCH = 5
/** characters looked at of a result, of all arguments */
const MAX_RESULT = 8_192
const MAX_ARGUMENTS = 8_192
const SHORTEST = 16
const MAX_SOURCES = 200
const SOURCE_UNIT = 256
/** a hash and a source are one small integer, which costs a session eight bytes */
const HASHES = 1 << 22
const NONE: number[] = []
const least = new Int32Array(PER_RESULT)

export interface Copied {
  /** `server/tool` */
  readonly source: string
  /** rather a passage than a phrase */
  readonly isMuch: boolean
}

/**
 * Which results of a session reappear in the arguments of a later call: a few hashed word shingles of each result, the
 * latest ones of a session, never a word itself. Copies in base64 and URL encoding are read as what they say.
 */
export class Copies {
  /** hash * SOURCE_UNIT + number of the source, or -1; RESULTS groups of PER_RESULT, the next to go at `next` */
  private kept = NONE
  private next = 0
  private sources = SharedList.EMPTY

  remember(source: string, text: string): void {
    if (text.length < SHORTEST) return
    least.fill(-1)
    eachShingle(text, Math.min(text.length, MAX_RESULT), keepLeast)
    let count = 0
    for (const hash of least) if (hash >= 0) count++
    if (count < LEAST_SHARED) return
    const number = this.numberOf(source)
    if (this.knows(number)) return
    if (this.kept.length < RESULTS * PER_RESULT) this.kept = this.kept.concat(Array.from(least))
    const from = this.next * PER_RESULT
    for (const [i, hash] of least.entries()) this.kept[from + i] = entryOf(hash, number)
    this.next = (this.next + 1) % RESULTS
  }

  /** A request, a response and a retry repeat a result: it is kept once. */
  private knows(number: number): boolean {
    for (let from = 0; from < this.kept.length; from += PER_RESULT) {
      let i = 0
      while (i < PER_RESULT && this.kept[from + i] === entryOf(least[i] ?? -1, number)) i++
      if (i === PER_RESULT) return true
    }
    return false
  }

  /** Sources whose results the arguments repeat, in the order of their names. */
  sourcesOf(args: Readonly<Record<string, unknown>>): readonly Copied[] {
    if (this.kept.length === 0) return NOTHING
    const reader = new ArgumentReader()
    reader.read(args, 0)
    if (reader.text.length < SHORTEST) return NOTHING
    const shingles = new Set<number>()
    eachShingle(reader.text, reader.text.length, (hash) => shingles.add(hash))
    let shared: Map<number, number> | undefined
    for (const entry of this.kept) {
      if (entry < 0 || !shingles.has(Math.floor(entry / SOURCE_UNIT))) continue
      shared ??= new Map()
      shared.set(entry % SOURCE_UNIT, (shared.get(entry % SOURCE_UNIT) ?? 0) + 1)
    }
    if (shared === undefined) return NOTHING
    const found: Copied[] = []
    for (const [number, count] of shared) {
      const source = this.sources.items[number]
      if (count >= LEAST_SHARED && source !== undefined) found.push({ source, isMuch: count >= MUCH })
    }
    return found.sort((a, b) => (a.source < b.source ? -1 : 1))
  }

  private numberOf(source: string): number {
    const at = this.sources.items.indexOf(source)
    if (at >= 0) return at
    if (this.sources.items.length >= MAX_SOURCES) return MAX_SOURCES - 1
    this.sources = this.sources.with(source)
    return this.sources.items.length - 1
  }
}

const NOTHING: readonly Copied[] = []

function entryOf(hash: number, number: number): number {
  return hash < 0 ? -1 : hash * SOURCE_UNIT + number
}

function keepLeast(hash: number): void {
  const known = least[hash % PER_RESULT] ?? -1
  if (known < 0 || hash < known) least[hash % PER_RESULT] = hash
}

/** Words are runs of letters and digits, lower case; each character of a script without blanks is one. Linear. */
function eachShingle(text: string, length: number, take: (hash: number) => void): void {
  let before = 0
  let last = 0
  let words = 0
  let hash = 0
  for (let i = 0; i <= length; i++) {
    const c = i < length ? text.charCodeAt(i) : 32
    if (isLetter(c)) {
      hash = mix(hash, c >= 65 && c <= 90 ? c | 32 : c)
      if (c < 0x3040) continue
    }
    if (hash === 0) continue
    words++
    if (words >= SHINGLE) take((mix(mix(mix(0, before), last), hash) >>> 0) % HASHES)
    before = last
    last = hash
    hash = 0
  }
}

function isLetter(c: number): boolean {
  return (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 122) || c >= 0xc0
}

function mix(hash: number, value: number): number {
  const next = Math.imul(hash ^ value ^ 0x9e3779b9, 0x85ebca6b)
  return (next ^ (next >>> 13) ^ (next << 7)) | 0
}

/** Texts of arguments, at most six levels deep, with what is encoded in them decoded behind it. */
class ArgumentReader {
  text = ''

  read(value: unknown, depth: number): void {
    if (this.text.length >= MAX_ARGUMENTS || depth > 6) return
    if (typeof value === 'string') this.add(value.slice(0, MAX_ARGUMENTS - this.text.length))
    else if (typeof value === 'number') this.text += ` ${value}`
    else if (typeof value === 'object' && value !== null)
      for (const member of Object.values(value)) this.read(member, depth + 1)
  }

  private add(text: string): void {
    this.text += ` ${text.includes('%') ? unescaped(text) : text}`
    for (const [run] of text.matchAll(BASE64)) this.text += ` ${Buffer.from(run, 'base64').toString('utf8')}`
  }
}

const BASE64 = /[A-Za-z0-9+/_-]{32,4096}/g

function unescaped(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
