import { wordsOfConcepts } from './lexicon.ts'

/**
 * Whether a text may give orders to a model at all, told in one pass: most results hold none of the words, marks or
 * codings that such an order needs, and each is read once by this before anything reads it twice.
 */

/** beginnings of words are compared by so many letters */
const STEM = 5
const BITS = 1 << 16
const table = new Uint8Array(BITS)
/** words that tell only beside a bracket or before a colon: the mark of another speaker, a style that hides */
const SPEAKERS = new Uint8Array(BITS)

const EVERYDAY = new Set(
  'original client kunde cliente customer owner operator user users human humans model modello ignores'.split(' '),
)
const MORE = 'automated agent agents bot bots assistant assistants ai llm llms tasks task continue instructions'

function hashOf(word: string): number {
  let hash = 0
  for (let i = 0; i < word.length && i < STEM; i++) hash = step(hash, word.charCodeAt(i) | 32)
  return hash & (BITS - 1)
}

function step(hash: number, c: number): number {
  return (Math.imul(hash, 0x01000193) ^ c ^ (hash >>> 15)) | 0
}

const { words, characters } = wordsOfConcepts(['ignore', 'model', 'user'])
for (const word of [...words, ...MORE.split(' ')])
  if (!EVERYDAY.has(word) && !word.includes(' ')) table[hashOf(word)] = 1
for (const word of ['system', 'assistant', 'human', 'developer', 'inst', 'im', 'display', 'visibility', 'opacity'])
  SPEAKERS[hashOf(word)] = 1
const WITHOUT_BLANKS = new RegExp(characters.join('|'), 'u')

/** letters and digits in a row that no word, address or digest has */
const LONG_RUN = 40
const LONE_LETTERS = 10
const ESCAPES = 4

const USER = hashOf('user')
const THE = hashOf('the')

export function mayInject(text: string): boolean {
  let hash = 0
  let length = 0
  let alphabets = 0
  let before = 0
  let opener = 0
  let run = 0
  let lone = 0
  let escapes = 0
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 32
    const lower = c | 32
    if ((lower >= 97 && lower <= 122) || (c >= 0xc0 && c < 0x2000)) {
      if (length === 0) opener = i === 0 ? 0 : text.charCodeAt(i - 1)
      if (length < STEM) hash = step(hash, lower)
      if (c >= 0x370) alphabets |= 2
      else if (c < 0x80) alphabets |= 1
      length++
      run++
      continue
    }
    if (length > 0) {
      if (alphabets === 3) return true
      alphabets = 0
      if (length > 1) {
        const slot = hash & (BITS - 1)
        if (table[slot] === 1) return true
        if (slot === USER && before === THE) return true
        if (SPEAKERS[slot] === 1 && (isBracket(opener) || c === COLON)) return true
        before = slot
        lone = 0
      } else if (c === 32 && ++lone >= LONE_LETTERS) return true
      hash = 0
      length = 0
    }
    if (c >= 48 && c <= 57) run++
    else if (c !== 43 && c !== 61) {
      if (run >= LONG_RUN) return true
      run = 0
      if (c === PERCENT && ++escapes >= ESCAPES) return true
      if (c >= 0x2000 && isUncommon(c))
        return isOrderedWithoutBlanks(c) ? WITHOUT_BLANKS.test(text) || isWide(text) : true
    }
  }
  return false
}

const COLON = 58
const PERCENT = 37

function isBracket(c: number): boolean {
  return c === 60 || c === 91 || c === 124 || c === 47
}

/** Marks without a shape, directions, tags and letters of scripts without blanks; typographic signs and emoji are common. */
function isUncommon(c: number): boolean {
  return (
    (c >= 0x200b && c <= 0x200f && c !== 0x200d) ||
    (c >= 0x202a && c <= 0x202e) ||
    (c >= 0x2060 && c <= 0x206f) ||
    isOrderedWithoutBlanks(c) ||
    c === 0xdb40 ||
    c === 0xfeff ||
    (c >= 0xff21 && c <= 0xff5a)
  )
}

function isOrderedWithoutBlanks(c: number): boolean {
  return (c >= 0x3040 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af)
}

function isWide(text: string): boolean {
  return /[\uff21-\uff5a]{3}|[\u200b\u2060\u{e0020}-\u{e007e}]/u.test(text)
}
