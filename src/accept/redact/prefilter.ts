/**
 * A quick look for texts that can hold no trigger of patterns.ts: one pass that stops only at the rarest character of
 * each trigger and looks at the few before it. It may say yes without reason, and never says no when there is one.
 */
export function mayTrigger(text: string): boolean {
  let lastDigit = -3
  let digits = 0
  let hasScheme = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const anchor = code < 128 ? ANCHORS[code] : NO_ANCHOR
    if (anchor === NO_ANCHOR) continue
    if (anchor === DIGIT) {
      // Cards are grouped by single blanks and dashes; the shortest trigger has ten digits.
      const apart = i - lastDigit
      digits = apart === 1 || (apart === 2 && isSeparator(text.charCodeAt(i - 1))) ? digits + 1 : 1
      if (digits === 10) return true
      lastDigit = i
    } else if (anchor === ASSIGNS) {
      if (text.charCodeAt(i + 1) === SLASH && text.charCodeAt(i + 2) === SLASH) hasScheme = true
      if (endsSecretWord(text, i)) return true
    } else if (anchor === AT) {
      if (hasScheme) return true
    } else if (anchor === BLANK) {
      if (endsScheme(text, i)) return true
    } else if (endsPrefix(text, i, anchor ?? NO_ANCHOR)) return true
  }
  return false
}

const NO_ANCHOR = 0
const DIGIT = 1
const ASSIGNS = 2
const AT = 3
const BLANK = 4
/** anchors from here on end a prefix such as `sk-` */
const PREFIX = 5

/** The last character of a token's prefix, and the two before it. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ['-', '-- at dt rt xa xb xe xo xp xr xs pp sk pi'],
  ['_', 'hp ho hu hs hr at ca pa ss rk sk ec pm hf v1'],
  ['.', '29 SG'],
  ['J', 'ey'],
  ['A', 'KI SI BI CC'],
  ['z', 'AI'],
]
const SLASH = 0x2f

const ANCHORS = anchors()
const ENDINGS = endings()

function anchors(): Uint8Array {
  const table = new Uint8Array(128)
  const put = (characters: string, anchor: number): void => {
    for (const one of characters) table[one.charCodeAt(0)] = anchor
  }
  put('0123456789', DIGIT)
  put(':=', ASSIGNS)
  put('@', AT)
  put(' ', BLANK)
  for (const [at, [last]] of PREFIXES.entries()) put(last, PREFIX + at)
  return table
}

/** By two characters: a bit for each anchor that they stand before. */
function endings(): Uint8Array {
  const table = new Uint8Array(128 * 128)
  for (const [bit, [, pairs]] of PREFIXES.entries())
    for (const pair of pairs.split(' ')) {
      const at = pair.charCodeAt(0) * 128 + pair.charCodeAt(1)
      table[at] = (table[at] ?? 0) | (1 << bit)
    }
  return table
}

function endsPrefix(text: string, at: number, anchor: number): boolean {
  const first = text.charCodeAt(at - 2)
  const second = text.charCodeAt(at - 1)
  return first < 128 && second < 128 && ((ENDINGS[first * 128 + second] ?? 0) & (1 << (anchor - PREFIX))) !== 0
}

function isSeparator(code: number): boolean {
  return code === 0x20 || code === 0x2d
}

/** `bearer ` and `basic `, told by two of their letters. */
function endsScheme(text: string, at: number): boolean {
  const last = text.charCodeAt(at - 1) | 0x20
  if (last !== 0x72 && last !== 0x63) return false
  const third = text.charCodeAt(at - 3) | 0x20
  return last === 0x72 ? third === 0x72 : third === 0x73
}

/** Last three letters of password, passwd, pwd, passphrase, secret, token, …key, authorization and cookie. */
const WORD_ENDS: ReadonlySet<number> = new Set(
  ['ord', 'swd', 'pwd', 'ase', 'ret', 'ken', 'key', 'ion', 'kie'].map((end) => packed(end, 3)),
)

function packed(text: string, to: number): number {
  return (
    ((text.charCodeAt(to - 3) | 0x20) << 16) |
    ((text.charCodeAt(to - 2) | 0x20) << 8) |
    (text.charCodeAt(to - 1) | 0x20)
  )
}

/** Whether such a word stands before a colon or equals sign, with quotes and blanks between them as triggers have them. */
function endsSecretWord(text: string, at: number): boolean {
  let to = at
  while (to > at - 4 && (text.charCodeAt(to - 1) === 0x20 || text.charCodeAt(to - 1) === 0x09)) to--
  const quotesTo = to
  while (to > quotesTo - 8 && isQuote(text.charCodeAt(to - 1))) to--
  return to >= 3 && WORD_ENDS.has(packed(text, to))
}

function isQuote(code: number): boolean {
  return code === 0x22 || code === 0x27 || code === 0x5c
}
