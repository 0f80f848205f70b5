/** Encodings of the string modifiers. Bytes travel as text with one character (U+0000 to U+00FF) per byte. */

export type Utf16 = 'utf16' | 'utf16le' | 'utf16be' | 'wide'

export function utf8Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** UTF-16 without a byte order mark; `utf16` puts one before the whole value, so it is added by the caller. */
export function utf16Bytes(text: string, encoding: Utf16): string {
  const bytes = Buffer.from(text, 'utf16le')
  if (encoding === 'utf16be') bytes.swap16()
  return bytes.toString('latin1')
}

/** FF FE: the byte order mark of UTF-16 LE, as in the specification's example */
export const BYTE_ORDER_MARK = '\u00ff\u00fe'

export function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64')
}

/**
 * What every base64 text that holds these bytes contains, for each of the three offsets they can begin at: only the
 * characters whose six bits come from these bytes alone. An offset at which none is left has no variant.
 */
export function base64Offsets(bytes: string): readonly string[] {
  const variants: string[] = []
  for (let offset = 0; offset < 3; offset++) {
    const encoded = base64('\0'.repeat(offset) + bytes)
    const from = Math.ceil((offset * 8) / 6)
    const to = Math.floor(((offset + bytes.length) * 8) / 6)
    if (to > from) variants.push(encoded.slice(from, to))
  }
  return variants
}
