/**
 * CEF and LEEF as their specifications say that a receiver reads them, written for tests: nothing of the writers is
 * used here.
 */

export interface Cef {
  /** version, vendor, product, version, signature, name, severity */
  readonly header: readonly string[]
  readonly extension: ReadonlyMap<string, string>
}

/** Header fields end at a bar without a backslash before it; in the extension a key is a word before an unescaped `=`. */
export function parseCef(line: string): Cef {
  const header: string[] = []
  let field = ''
  let at = 0
  for (; at < line.length && header.length < 7; at++) {
    const character = line[at]
    if (character === '\\') field += line[++at] ?? ''
    else if (character === '|') {
      header.push(field)
      field = ''
    } else field += character
  }
  return { header, extension: parseExtension(line.slice(at)) }
}

function parseExtension(text: string): ReadonlyMap<string, string> {
  const starts: { readonly key: string; readonly from: number; readonly valueAt: number }[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '=') {
      const key = /(?:^| )([A-Za-z0-9_.]+)$/.exec(text.slice(0, at))?.[1]
      if (key === undefined) throw new Error(`a bare = in ${text}`)
      starts.push({ key, from: at - key.length, valueAt: at + 1 })
    }
  }
  const values = new Map<string, string>()
  for (const [index, { key, valueAt }] of starts.entries()) {
    const next = starts[index + 1]
    const raw = text.slice(valueAt, next === undefined ? text.length : next.from - 1)
    if (values.has(key)) throw new Error(`${key} stands twice in ${text}`)
    values.set(key, raw.replace(/\\([\\=])/g, '$1'))
  }
  return values
}

export interface Leef {
  /** version, vendor, product, version, event id, delimiter */
  readonly header: readonly string[]
  readonly attributes: ReadonlyMap<string, string>
}

/** LEEF 2.0 escapes nothing: five bars, the delimiter, a bar, then attributes between delimiters. */
export function parseLeef(line: string): Leef {
  const parts = line.split('|')
  const header = parts.slice(0, 6)
  const attributes = new Map<string, string>()
  for (const attribute of parts
    .slice(6)
    .join('|')
    .split(header[5] ?? '')) {
    const equals = attribute.indexOf('=')
    const key = attribute.slice(0, equals)
    if (equals < 1 || attributes.has(key)) throw new Error(`not an attribute, or there twice: ${attribute}`)
    attributes.set(key, attribute.slice(equals + 1))
  }
  return { header, attributes }
}
