import { MARK_START } from './marker.ts'
import { mayTrigger } from './prefilter.ts'

/** A secret's place in a text: from (inclusive) to (exclusive). */
export interface Span {
  readonly from: number
  readonly to: number
}

/*
 * One trigger finds the places where a secret may begin; the code below then looks at that place. Every quantifier in
 * it is bounded and no two neighbouring parts can match the same character, so it is linear in the text. What the code
 * reads beyond the trigger is either bounded or consumed, so the whole scan is linear too.
 */
const WORDS =
  '(?:[pP][aA][sS][sS](?:[wW][oO][rR][dD]|[wW][dD]|[pP][hH][rR][aA][sS][eE])|[pP][wW][dD]|[sS][eE][cC][rR][eE][tT]|[tT][oO][kK][eE][nN]|' +
  '[aA][pP][iI][_-]?[kK][eE][yY]|[aA][cC][cC][eE][sS][sS][_-]?[kK][eE][yY]|[aA][cC][cC][oO][uU][nN][tT][kK][eE][yY]|' +
  '[pP][rR][iI][vV][aA][tT][eE][_-]?[kK][eE][yY]|[aA][uU][tT][hH][oO][rR][iI][zZ][aA][tT][iI][oO][nN]|[cC][oO][oO][kK][iI][eE])'
const TRIGGER_SOURCE = [
  '-----BEGIN ',
  'eyJ',
  'A(?:KIA|SIA|BIA|CCA)[A-Z2-7]',
  'AIza',
  'ya29\\.',
  'gh[pousr]_',
  'github_pat_',
  'gl(?:pat|dt|rt)-',
  'xox[abeoprs]-',
  'xapp-',
  '[rs]k_(?:live|test)_',
  'whsec_',
  'sk-',
  'npm_',
  'pypi-',
  'SG\\.',
  'hf_',
  'do[opr]_v1_',
  'shp(?:at|ca|pa|ss)_',
  '[bB](?:earer|EARER|asic|ASIC) ',
  '://[^\\s/@:"\']{0,64}:[^\\s/@"\']{1,128}@',
  `${WORDS}["'\\\\]{0,8}[ \\t]{0,4}[:=]`,
  '\\d{4}[ -]?\\d{4}(?:[ -]?\\d{4}|\\d{2}[ -])',
].join('|')
const HAS_TRIGGER = new RegExp(TRIGGER_SOURCE)
const TRIGGER = new RegExp(TRIGGER_SOURCE, 'g')

/** A cheap no for nearly every string. */
export function maySecret(text: string): boolean {
  return text.length >= 8 && mayTrigger(text) && HAS_TRIGGER.test(text)
}

/** All secrets of a text, in order and without overlap. */
export function findSecrets(text: string): Span[] {
  const spans: Span[] = []
  const scan = new Scan(text)
  TRIGGER.lastIndex = 0
  for (let hit = TRIGGER.exec(text); hit !== null; hit = TRIGGER.exec(text)) {
    const span = scan.secretAt(hit.index, hit[0])
    if (span === undefined) {
      // The number before a card number must not hide it.
      if (isDigit(hit[0].charCodeAt(0))) TRIGGER.lastIndex = hit.index + 4
      continue
    }
    spans.push(span)
    TRIGGER.lastIndex = Math.max(span.to, TRIGGER.lastIndex)
  }
  return spans
}

class Scan {
  private readonly text: string
  /** the run of token characters read last; a run is read once however many triggers lie in it */
  private runFrom = 0
  private runTo = 0
  /** no JWT begins before this index: the rest of the run has no dots */
  private noJwtBefore = 0

  constructor(text: string) {
    this.text = text
  }

  secretAt(from: number, hit: string): Span | undefined {
    const first = hit.charCodeAt(0)
    const last = hit.charCodeAt(hit.length - 1)
    if (first === DASH) return this.pem(from, hit.length)
    if (first === COLON) return this.urlPassword(from, hit)
    if (last === COLON || last === EQUALS) return this.assigned(from + hit.length, hit)
    if (isDigit(first)) return this.card(from)
    if (last === SPACE) return this.scheme(from + hit.length, hit)
    if (hit === 'eyJ') return this.jwt(from)
    return this.prefixed(from, hit)
  }

  /** A private key in PEM armour; to the end of the text when the sample was cut before the armour's end. */
  private pem(from: number, length: number): Span | undefined {
    const head = this.text.slice(from + length, from + length + 64)
    const label = /^(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY/.exec(head)
    if (label === null) return undefined
    const end = this.text.indexOf('-----END', from + length)
    if (end < 0) return { from, to: this.text.length }
    const close = this.text.indexOf('-----', end + 8)
    return { from, to: close < 0 || close > end + 80 ? Math.min(end + 8, this.text.length) : close + 5 }
  }

  /** The password in scheme://user:password@host. */
  private urlPassword(from: number, hit: string): Span | undefined {
    const at = from + hit.indexOf(':', 3) + 1
    return this.isMarked(at) ? undefined : { from: at, to: from + hit.length - 1 }
  }

  /** The value in `password=…`, `"api_key": "…"`, `Cookie: …`. */
  private assigned(at: number, hit: string): Span | undefined {
    const { text } = this
    let from = at
    while (from < at + 4 && (text.charCodeAt(from) === SPACE || text.charCodeAt(from) === TAB)) from++
    const quoteFrom = from
    while (from < quoteFrom + 8 && text.charCodeAt(from) === BACKSLASH) from++
    const quote = text[from]
    const isQuoted = quote === '"' || quote === "'"
    if (isQuoted) from++
    else from = quoteFrom
    if (this.isMarked(from) || NO_VALUE.test(text.slice(from, from + 12))) return undefined
    const isHeader = /^(?:authorization|cookie)/i.test(hit)
    let to = this.card(from)?.to ?? from
    while (to < text.length && !endsValue(text.charCodeAt(to), isQuoted ? quote : undefined, isHeader)) {
      if (text.charCodeAt(to) === DASH && text.startsWith('-----BEGIN ', to)) break
      to++
    }
    return to - from < MIN_ASSIGNED ? undefined : { from, to }
  }

  private scheme(from: number, hit: string): Span | undefined {
    const to = this.runEnd(from)
    if (hit.charCodeAt(1) === 0x61 || hit.charCodeAt(1) === 0x41) {
      if (to - from < 8) return undefined
      return Buffer.from(this.text.slice(from, to), 'base64').includes(COLON) ? { from, to } : undefined
    }
    if (to - from < 8) return undefined
    return to - from >= 16 || /\d/.test(this.text.slice(from, to)) ? { from, to } : undefined
  }

  private jwt(from: number): Span | undefined {
    if (from < this.noJwtBefore || this.isInsideWord(from)) return undefined
    const end = this.runEnd(from)
    const firstDot = this.dotBefore(end, from)
    const secondDot = firstDot < 0 ? -1 : this.dotBefore(end, firstDot + 1)
    if (secondDot < 0) {
      this.noJwtBefore = end
      return undefined
    }
    return firstDot - from >= 10 && secondDot - firstDot > 4 ? { from, to: end } : undefined
  }

  private dotBefore(end: number, from: number): number {
    for (let i = from; i < end; i++) if (this.text.charCodeAt(i) === DOT) return i
    return -1
  }

  /** Tokens that say by their first characters whose they are. */
  private prefixed(from: number, hit: string): Span | undefined {
    if (this.isInsideWord(from)) return undefined
    const to = this.runEnd(from)
    if (hit.charCodeAt(0) === 0x41 && hit !== 'AIza') {
      return to - from >= 20 && /^[A-Z0-9]{20}(?![A-Za-z0-9])/.test(this.text.slice(from, from + 21))
        ? { from, to: from + 20 }
        : undefined
    }
    if (to - from < hit.length + 16) return undefined
    return /\d/.test(this.text.slice(from + hit.length, from + hit.length + 64)) ? { from, to } : undefined
  }

  /** Digits, in groups or not; digits of another number may follow, so every end of a group is tried. */
  private card(from: number): Span | undefined {
    const { text } = this
    if (this.isInsideWord(from) || text.startsWith(MARK_START, from - MARK_START.length)) return undefined
    let digits = ''
    let to: number | undefined
    for (let i = from; digits.length < 20; i++) {
      const code = text.charCodeAt(i)
      if (isDigit(code)) {
        digits += text[i]
        continue
      }
      if (!isAlphanumeric(code) && isCardNumber(digits)) to = i
      const isSeparator = (code === SPACE || code === DASH) && isDigit(text.charCodeAt(i + 1))
      if (!isSeparator) break
    }
    return to === undefined ? undefined : { from, to }
  }

  private isMarked(at: number): boolean {
    return this.text.startsWith(MARK_START, at)
  }

  private isInsideWord(at: number): boolean {
    return at > 0 && isAlphanumeric(this.text.charCodeAt(at - 1))
  }

  private runEnd(from: number): number {
    if (from >= this.runFrom && from < this.runTo) return this.runTo
    let to = from
    while (to < this.text.length && isTokenCharacter(this.text.charCodeAt(to))) to++
    this.runFrom = from
    this.runTo = to
    return to
  }
}

const TAB = 0x09
const SPACE = 0x20
const DASH = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const MIN_ASSIGNED = 4
/**
 * Nothing, the beginning of something larger, a scheme before the value (that has its own trigger), or an address:
 * "reset your password: https://…" names a destination that detection must see.
 */
const NO_VALUE = /^(?:(?:true|false|null|none|undefined)\b|[{[]|(?:bearer|basic) |https?:\/\/|www\.)/i

function endsValue(code: number, quote: string | undefined, isHeader: boolean): boolean {
  if (code === 0x0a || code === 0x0d) return true
  if (quote !== undefined) return code === quote.charCodeAt(0) || code === BACKSLASH
  if (isHeader) return code === 0x22 || code === 0x27
  return code <= SPACE || VALUE_ENDS.includes(code)
}
const VALUE_ENDS: readonly number[] = [...Buffer.from('"\',;&<>)}]\\')]

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

/** Letters, digits and -._~+/=  (RFC 6750's token characters). */
function isTokenCharacter(code: number): boolean {
  return (
    isAlphanumeric(code) ||
    (code >= 0x2b && code <= 0x2f && code !== 0x2c) ||
    code === EQUALS ||
    code === 0x5f ||
    code === 0x7e
  )
}

/** Digits only, of a length and first digits that card networks issue, with a correct Luhn check digit. */
export function isCardNumber(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || !ISSUED.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - ZERO
    const doubled = i % 2 === 0 ? digit : digit * 2
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
const ISSUED =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|(?:6011|65\d\d|64[4-9]\d|62\d\d)\d{12,15}|35\d{14})$/
