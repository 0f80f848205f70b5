import { isIP } from 'node:net'

/**
 * What must not reach a line: control characters, format characters (they turn the direction of text or are not seen at
 * all), line and paragraph separators, halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const HALF_PAIR = /[\ud800-\udfff]/gu
const BLANK = new Set(['\t', '\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029'])

/** One line that shows what it is: blanks of all kinds as a space, other unsafe characters as U+FFFD. Cut at `max`. */
export function oneLine(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}\u2026` : text
  return cut.replace(UNSAFE, (found) => (BLANK.has(found) ? ' ' : '\ufffd'))
}

/** The longest text in a JSON shape, UTF-16 units. */
const MAX_JSON_TEXT = 4_096

/** One line of JSON. Texts are cut; half a surrogate pair, which is no Unicode and which receivers refuse, is U+FFFD. */
export function jsonLine(value: object): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one !== 'string') return one
    const cut = one.length > MAX_JSON_TEXT ? `${one.slice(0, MAX_JSON_TEXT - 1)}\u2026` : one
    return cut.replace(HALF_PAIR, '\ufffd')
  })
}

/** Only an address: receivers refuse a whole record for one field that should be an address and is not. */
export function ipOf(text: string | undefined): string | undefined {
  return text !== undefined && isIP(text) !== 0 && !text.includes('%') ? text : undefined
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
