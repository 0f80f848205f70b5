const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const LINE_FEED = 0x0a

/**
 * The items of a JSON array as bytes, without parsing them, so that a bad item does not take the good ones with it and
 * its size is known. `undefined` when the bytes are no array or end inside it. Linear, not recursive.
 */
export function splitArray(bytes: Uint8Array): Uint8Array[] | undefined {
  const open = skipSpace(bytes, 0)
  if (bytes[open] !== OPEN_LIST) return undefined
  const items: Uint8Array[] = []
  let depth = 1
  let from = open + 1
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) i = stringEnd(bytes, i)
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--
    if ((byte === COMMA && depth === 1) || depth === 0) {
      const item = bytes.subarray(from, i)
      const isEmptyArray = depth === 0 && items.length === 0 && skipSpace(item, 0) === item.length
      if (!isEmptyArray) items.push(item)
      from = i + 1
    }
    if (depth === 0) return skipSpace(bytes, i + 1) === bytes.length ? items : undefined
  }
  return undefined
}

/** Index of the quote that ends the string that begins at `from`; the end of the bytes when none does. */
function stringEnd(bytes: Uint8Array, from: number): number {
  let i = from + 1
  while (i < bytes.length && bytes[i] !== QUOTE) i += bytes[i] === BACKSLASH ? 2 : 1
  return i
}

/** Index of the first byte from `from` that is no JSON white space. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let i = from
  while (i < bytes.length && isSpace(bytes[i])) i++
  return i
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === 0x0d || byte === 0x09
}

/** Lines that are not blank. */
export function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  let from = 0
  while (from < bytes.length) {
    const feed = bytes.indexOf(LINE_FEED, from)
    const line = bytes.subarray(from, feed < 0 ? bytes.length : feed)
    if (skipSpace(line, 0) < line.length) lines.push(line)
    from = feed < 0 ? bytes.length : feed + 1
  }
  return lines
}

export function isArray(bytes: Uint8Array): boolean {
  return bytes[skipSpace(bytes, 0)] === OPEN_LIST
}
