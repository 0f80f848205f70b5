import { type Asks, asksOf, knownWord } from '../../model/vocabulary.ts'

/** A sentence that tells its reader to do something: where it stands, what it asks for, and what it names. */
export interface Imperative {
  readonly from: number
  readonly to: number
  readonly asks: Asks
  /** quoted words, identifiers and proper names in it, as written */
  readonly names: readonly string[]
}

const BACKSLASH = 92
const MAX_SENTENCE = 400
const MAX_IMPERATIVES = 16
const MAX_NAMES = 16
/** words that may stand before the verb of an order */
const LEAD = new Set(
  'please kindly now then also first next immediately just and so finally instead todo you must should need to have always dear'.split(
    ' ',
  ),
)
/** an order anywhere in a sentence */
const PHRASES = ['please ', 'you must ', 'you should ', 'you need to ', 'you have to ', 'make sure ']

/**
 * Finds orders by grammar alone: a sentence that begins with a verb that vocabulary.ts knows (after words like "please"
 * or "you must"), or one that contains such an opening. Titles and data keys are excluded as far as punctuation tells.
 * Linear: sentence starts are found in one pass, each sentence is bounded, at most MAX_IMPERATIVES are kept.
 */
export function findImperatives(text: string): readonly Imperative[] {
  const found: Imperative[] = []
  let start = true
  let end = 0
  for (let i = 0; i < text.length && found.length < MAX_IMPERATIVES; i++) {
    const c = text.charCodeAt(i)
    if (c === BACKSLASH) {
      // Text that was quoted once more has its line breaks as a backslash and a letter.
      start = true
      i++
      continue
    }
    if (!isLetter(c)) {
      if (c !== 32 && c !== 9) start = c !== 44 && c !== 95 && c !== 47 && c !== 64 && c !== 45 && !(c >= 48 && c <= 57)
      continue
    }
    if (start && i >= end && opensOrder(text, i)) {
      end = sentenceEnd(text, i)
      found.push(describe(text, i, end))
      i = end - 1
      start = true
      continue
    }
    while (i + 1 < text.length && isLetter(text.charCodeAt(i + 1))) i++
    start = false
  }
  return found.length < MAX_IMPERATIVES ? withPhrases(text, found) : found
}

function withPhrases(text: string, found: Imperative[]): readonly Imperative[] {
  const lower = text.toLowerCase()
  for (const phrase of PHRASES) {
    for (
      let at = lower.indexOf(phrase);
      at >= 0 && found.length < MAX_IMPERATIVES;
      at = lower.indexOf(phrase, at + phrase.length)
    ) {
      if (found.some((one) => at >= one.from && at < one.to)) continue
      const to = sentenceEnd(text, at)
      const one = describe(text, at, to)
      if (one.asks.actions.length > 0) found.push(one)
    }
  }
  return found
}

function opensOrder(text: string, from: number): boolean {
  let at = from
  for (let words = 0; words < 5; words++) {
    let to = at
    while (to < text.length && to - at < 24 && isLetter(text.charCodeAt(to))) to++
    const next = text.charCodeAt(to)
    // Keys and values of data end at a quote, a bracket or a line's end: most starts are told by one character.
    if ((next !== 32 && next !== 44 && next !== 58) || to - at < 2) return false
    const word = text.slice(at, to).toLowerCase()
    if (knownWord(word)?.action) return opensAsVerb(word) && next === 32 && isSentence(text, to)
    if (!LEAD.has(word) || !(next === 32 || next === 44 || next === 58)) return false
    at = to + 1
    while (text.charCodeAt(at) === 32) at++
  }
  return false
}

/** "sending", "sent by" or "updates" do not open an order. */
function opensAsVerb(word: string): boolean {
  if (word === 'sent' || word.endsWith('ing')) return false
  return !((word.endsWith('ed') && word.length > 4) || (word.endsWith('s') && !word.endsWith('ss')))
}

/** At least two more words, not both with capitals, before anything that prose does not have: a heading, a key or a button is not an order. */
function isSentence(text: string, from: number): boolean {
  let words = 0
  let capitals = 0
  let inWord = false
  const to = Math.min(text.length, from + 80)
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i)
    const part = isLetter(c) || (c >= 48 && c <= 57)
    if (part && !inWord) {
      words++
      if (c >= 65 && c <= 90) capitals++
      if (words === 2) return capitals < 2
    }
    inWord = part
    if (c === 10 && text.charCodeAt(i + 1) === 10) return false
    if (ENDS_HEADING.has(c)) return false
  }
  return false
}

/** : = { " < ] ( */
const ENDS_HEADING = new Set([58, 61, 123, 34, 60, 93, 40])

function sentenceEnd(text: string, from: number): number {
  const limit = Math.min(text.length, from + MAX_SENTENCE)
  for (let i = from + 1; i < limit; i++) {
    const c = text.charCodeAt(i)
    if (c === 10 && (text.charCodeAt(i + 1) === 10 || startsKey(text, i + 1))) return i
    if (c === 60 && i > from + 8) return i
    if (c === BACKSLASH && text.charCodeAt(i + 1) === 110 && text.charCodeAt(i + 2) === BACKSLASH) return i
    if (c === 39 && endsQuoted(text, i)) return i
    if (c !== 46 && c !== 33 && c !== 63) continue
    const next = text.charCodeAt(i + 1)
    if (Number.isNaN(next) || next === 32 || next === 10 || next === 34 || next === 39 || next === 92) return i + 1
  }
  return limit
}

/** A line like `  - sender: x`: data goes on where the sentence ended. */
function startsKey(text: string, from: number): boolean {
  let i = from
  while (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 45) i++
  const word = i
  while (i - word < 32 && (isLetter(text.charCodeAt(i)) || text.charCodeAt(i) === 95)) i++
  return i > word && text.charCodeAt(i) === 58
}

/** A single quote that closes a value (`'…',` or `'…'` at the end of a line), not one of a doubled pair. */
function endsQuoted(text: string, at: number): boolean {
  const next = text.charCodeAt(at + 1)
  return text.charCodeAt(at - 1) !== 39 && (next === 10 || next === 44 || next === 125 || next === 58)
}

function describe(text: string, from: number, to: number): Imperative {
  const raw = text.slice(from, to)
  const sentence = raw.includes('\\') ? raw.replace(/\\[nrt]/g, ' ') : raw
  const names = namesIn(sentence)
  // "… P025 is the one. Please buy it!": an order that names nothing points back at the sentence before it.
  return names.length > 0
    ? { from, to, asks: asksOf(sentence), names }
    : {
        from: antecedentOf(text, from),
        to,
        asks: asksOf(sentence),
        names: namesIn(text.slice(antecedentOf(text, from), from)),
      }
}

const MAX_ANTECEDENT = 160

/** Where the sentence before `from` begins, on the same line; `from` when there is none. */
function antecedentOf(text: string, from: number): number {
  const limit = Math.max(0, from - MAX_ANTECEDENT)
  let at = from - 1
  while (at >= limit && ENDS_SENTENCE_OR_BLANK.has(text.charCodeAt(at))) at--
  const last = at
  while (at >= limit && !ENDS_LINE.has(text.charCodeAt(at)) && !endsSentence(text, at)) at--
  return at < last ? at + 1 : from
}
/** blank . ! ? */
const ENDS_SENTENCE_OR_BLANK = new Set([32, 46, 33, 63])
/** line feed, backslash, quotes, brackets and tags: data or another line */
const ENDS_LINE = new Set([10, 92, 34, 62, 123, 91])

function endsSentence(text: string, at: number): boolean {
  const c = text.charCodeAt(at)
  return (c === 46 || c === 33 || c === 63) && text.charCodeAt(at + 1) === 32
}

/** quoted words (up to 40 characters), identifiers (letters and digits), proper names (capital not at the start) */
const NAMES =
  /(?<!\w)["'“‘]{1,2}([^"'“”‘’\n]{2,40})["'”’]|\b(?=[A-Za-z]{0,24}\d)([A-Za-z0-9][A-Za-z0-9_-]{2,40})\b|(?<=[a-z,:] )([A-Z][a-z]{2,24})\b/g

/** What a sentence names: quoted words, identifiers, proper names. */
export function namesIn(sentence: string): string[] {
  const names: string[] = []
  for (const match of sentence.matchAll(NAMES)) {
    const name = match[1] ?? match[2] ?? match[3]
    if (name !== undefined && names.length < MAX_NAMES) names.push(name)
  }
  return names
}

function isLetter(c: number): boolean {
  return ((c | 32) >= 97 && (c | 32) <= 122) || c === 36
}
