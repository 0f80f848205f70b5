/**
 * What a model reads in a text and a person does not see: characters without a shape, text between comment marks, text
 * in another coding. `revealed` takes it out, normalises the rest (NFKC, Unicode TR 39 confusables of mixed words) and
 * says what was hidden and how, so that whatever judges the text judges all of it.
 */

export type Hiding =
  | 'invisible'
  | 'tags'
  | 'direction'
  | 'mixed-script'
  | 'comment'
  | 'encoded'
  | 'far-away'
  | 'terminal'

export interface Revealed {
  /** normalised, invisible characters taken out, comments in place */
  readonly text: string
  /** what could not be read by a person: tag characters as letters, comments, decoded runs */
  readonly hidden: readonly string[]
  readonly ways: readonly Hiding[]
}

/** what is looked at of one text, characters; tool descriptions are at most 8 KiB */
const MAX_TEXT = 16_384
const MAX_HIDDEN = 16
/** blanks or empty lines after which the rest of a text is out of sight */
const FAR_BLANKS = 60
const FAR_LINES = 12

export function revealed(raw: string): Revealed {
  const cut = raw.length > MAX_TEXT ? raw.slice(0, MAX_TEXT) : raw
  const ways = new Set<Hiding>()
  const hidden: string[] = []
  const text = isPlainAscii(cut) ? cut : unmasked(cut, ways, hidden)
  findComments(text, ways, hidden)
  findEncoded(text, ways, hidden)
  if (isFarAway(text)) ways.add('far-away')
  return { text, hidden: hidden.slice(0, MAX_HIDDEN), ways: [...ways] }
}

function isPlainAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 126 || (c < 32 && c !== 10 && c !== 9 && c !== 13)) return false
  }
  return true
}

function unmasked(text: string, ways: Set<Hiding>, hidden: string[]): string {
  let out = ''
  let tagged = ''
  for (const character of text) {
    const c = character.codePointAt(0) ?? 0
    if (c >= 0xe0020 && c <= 0xe007e) tagged += String.fromCharCode(c - 0xe0000)
    else if (c >= 0xe0100 && c <= 0xe01ef) ways.add('invisible')
    else if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069)) ways.add('direction')
    else if (c === 0x1b) ways.add('terminal')
    else if (!isInvisible(c)) out += character
    else if (!joins(c, out)) ways.add('invisible')
    else out += character
  }
  if (tagged !== '') {
    ways.add('tags')
    hidden.push(tagged)
  }
  return withoutConfusables(out.normalize('NFKC'), ways)
}

/** Zero-width, word joiner, soft hyphen, fillers, byte order mark in the middle. */
function isInvisible(c: number): boolean {
  return (
    (c >= 0x200b && c <= 0x200f) ||
    (c >= 0x2060 && c <= 0x2064) ||
    c === 0xad ||
    c === 0xfeff ||
    c === 0x180e ||
    c === 0x3164 ||
    c === 0x115f ||
    c === 0x1160
  )
}

/** Joiners are spelling in Persian, Hindi or emoji; after a Latin letter they are not. */
function joins(c: number, before: string): boolean {
  return (c === 0x200c || c === 0x200d) && before.charCodeAt(before.length - 1) > 0x2ff
}

/** Letters of other alphabets that look like Latin ones (Unicode TR 39, the common ones), lower case and upper case. */
const LOOK_ALIKE: ReadonlyMap<string, string> = new Map(
  (
    'аa еe оo рp сc уy хx іi јj ѕs ԁd ɡg һh ӏl ԛq ԝw ѵv АA ВB ЕE КK МM НH ОO РP СC ТT ХX ІI ЈJ ЅS ' +
    'αa οo νv ρp τt υu ιi κk ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ıi ℓl'
  )
    .split(' ')
    .map((pair) => [pair[0] ?? '', pair[1] ?? '']),
)

/** Words that mix alphabets are read as the Latin word they look like; a word of one alphabet is left alone. */
function withoutConfusables(text: string, ways: Set<Hiding>): string {
  return text.replace(/[\p{L}\p{N}_]{2,64}/gu, (word) => {
    if (!/[a-z]/i.test(word)) return word
    const latin = latinised(word)
    if (latin !== word) ways.add('mixed-script')
    return latin
  })
}

/** The name or word as it looks: Latin letters for those that look like them. */
export function latinised(word: string): string {
  let out = ''
  for (const character of word) out += LOOK_ALIKE.get(character) ?? character
  return out
}

const COMMENTS: readonly (readonly [open: string, close: string])[] = [
  ['<!--', '-->'],
  ['[//]: # (', ')'],
  ['[//]: # "', '"'],
  ['[comment]: # (', ')'],
]

function findComments(text: string, ways: Set<Hiding>, hidden: string[]): void {
  for (const [open, close] of COMMENTS) {
    for (let at = text.indexOf(open); at >= 0 && hidden.length < MAX_HIDDEN; ) {
      const end = text.indexOf(close, at + open.length)
      const inside = text.slice(at + open.length, end < 0 ? text.length : end).trim()
      if (inside.length > 8) {
        ways.add('comment')
        hidden.push(inside)
      }
      at = end < 0 ? -1 : text.indexOf(open, end)
    }
  }
}

/** At least 24 characters, so that ids, digests and words are not decoded. */
const ENCODED = /(?:%[0-9a-fA-F]{2}){8,}|[A-Za-z0-9+/_-]{24,}={0,2}/g

function findEncoded(text: string, ways: Set<Hiding>, hidden: string[]): void {
  for (const [run] of text.matchAll(ENCODED)) {
    if (hidden.length >= MAX_HIDDEN) return
    const decoded = decode(run)
    if (decoded === undefined) continue
    ways.add('encoded')
    hidden.push(decoded)
  }
}

function decode(run: string): string | undefined {
  if (run.startsWith('%')) return readable(Buffer.from(run.replaceAll('%', ''), 'hex').toString('latin1'))
  if (/^[0-9a-f]+$/i.test(run))
    return run.length % 2 === 0 ? readable(Buffer.from(run, 'hex').toString('latin1')) : undefined
  return readable(Buffer.from(run, 'base64').toString('latin1'))
}

/** Printable ASCII with at least two blanks: a sentence, not an id that happens to decode. */
function readable(text: string): string | undefined {
  let blanks = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 32) blanks++
    else if ((c < 32 && c !== 10 && c !== 9 && c !== 13) || c > 126) return undefined
  }
  return blanks >= 2 ? text : undefined
}

/** Text after so many blanks that no window shows it. */
function isFarAway(text: string): boolean {
  let blanks = 0
  let lines = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 10) lines++
    else if (c === 32 || c === 9) blanks++
    else if (c !== 13) {
      if (blanks >= FAR_BLANKS || lines >= FAR_LINES) return true
      blanks = 0
      lines = 0
    }
    if (c === 10) blanks = 0
  }
  return false
}
