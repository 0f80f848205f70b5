/**
 * What a model reads in a text and a person does not see: characters without a shape, text between comment marks or in
 * elements that are not shown, text in another coding. `revealed` takes it out, normalises the rest (NFKC, Unicode TR 39 confusables of mixed words) and
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
  | 'wide'
  | 'spaced'
  | 'styled'

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
  findStyled(text, ways, hidden)
  findSpaced(text, ways, hidden)
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
  let wide = 0
  for (const character of text) {
    const c = character.codePointAt(0) ?? 0
    if ((c >= 0xff21 && c <= 0xff3a) || (c >= 0xff41 && c <= 0xff5a)) wide++
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
  if (wide >= WIDE_LETTERS) ways.add('wide')
  return withoutConfusables(out.normalize('NFKC'), ways)
}

/** Names and units are written in wide letters in Japanese and Chinese, sentences are not. */
const WIDE_LETTERS = 16

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

/** Elements that a page does not show. */
const UNSEEN =
  /display\s?:\s?none|visibility\s?:\s?hidden|font-size\s?:\s?0|opacity\s?:\s?0(?![.\d])|(?:left|top|text-indent)\s?:\s?-\d{3,}|\shidden(?=[\s>])/gi

function findStyled(text: string, ways: Set<Hiding>, hidden: string[]): void {
  if (!text.includes('<')) return
  for (const { index } of text.matchAll(UNSEEN)) {
    if (hidden.length >= MAX_HIDDEN) return
    const open = text.indexOf('>', index)
    if (open < 0 || open - index > 200) continue
    const close = text.indexOf('</', open)
    const inside = text.slice(open + 1, close < 0 ? open + 1000 : Math.min(close, open + 1000)).trim()
    if (inside.length <= 8) continue
    ways.add('styled')
    hidden.push(inside)
  }
}

/** Letters with a blank between any two; more blanks end a word. */
const SPACED = /(?<![\p{L}\p{N}])(?:[\p{L}\p{N}\p{P}] {1,3}){15,}[\p{L}\p{N}]/gu

const FEW_SPACED = /[a-z0-9] {1,3}[a-z0-9] {1,3}[a-z0-9] {1,3}[a-z0-9] {1,3}[a-z0-9] {1,3}[a-z0-9] /i

function findSpaced(text: string, ways: Set<Hiding>, hidden: string[]): void {
  if (!FEW_SPACED.test(text)) return
  for (const [run] of text.matchAll(SPACED)) {
    if (hidden.length >= MAX_HIDDEN) return
    ways.add('spaced')
    hidden.push(run.replace(/(?<! ) (?! )/g, '').replace(/ {2,}/g, ' '))
  }
}

/** At least 24 characters, so that ids, digests and words are not decoded. */
const ENCODED = /(?:%[0-9a-fA-F]{2}){8,}|[A-Za-z0-9+/_-]{24,}={0,2}/g

function findEncoded(text: string, ways: Set<Hiding>, hidden: string[]): void {
  const add = (decoded: string | undefined): void => {
    if (decoded === undefined || hidden.length >= MAX_HIDDEN) return
    ways.add('encoded')
    hidden.push(decoded)
  }
  for (const [run] of text.matchAll(ENCODED)) {
    if (hidden.length >= MAX_HIDDEN) return
    add(decode(run))
  }
  for (let at = text.indexOf('%20'); at >= 0 && hidden.length < MAX_HIDDEN; ) {
    const from = Math.max(text.lastIndexOf(' ', at), text.lastIndexOf('\n', at)) + 1
    const end = text.slice(at).search(/\s/)
    const run = text.slice(from, end < 0 ? text.length : at + end)
    // An address with a blank or two is an everyday one.
    if (run.split('%20').length > 4) add(unescaped(run))
    at = end < 0 ? -1 : text.indexOf('%20', at + end)
  }
}

function decode(run: string): string | undefined {
  if (run.startsWith('%')) return readable(Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
  if (/^[0-9a-f]+$/i.test(run))
    return run.length % 2 === 0 ? readable(Buffer.from(run, 'hex').toString('utf8')) : undefined
  return readable(Buffer.from(run, 'base64').toString('utf8'))
}

function unescaped(run: string): string {
  return run.replace(/(?:%[0-9a-fA-F]{2})+/g, (escaped) =>
    Buffer.from(escaped.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

/** A sentence, not an id that happens to decode: no control characters, at least two blanks or a script without any. */
function readable(text: string): string | undefined {
  let blanks = 0
  let ideographs = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 32) blanks++
    else if ((c < 32 && c !== 10 && c !== 9 && c !== 13) || c === 127 || c === 0xfffd) return undefined
    else if (c >= 0x3040 && c <= 0x9fff) ideographs++
    else if (c > 0x17f && (c < 0x370 || c > 0x52f) && (c < 0x2010 || c > 0x2030) && c < 0xac00) return undefined
  }
  return blanks >= 2 || ideographs >= 8 ? text : undefined
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
