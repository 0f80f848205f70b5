/** Pieces of ClickHouse SQL: what comes from a rule reaches a query only through these. */

const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\\0',
}

export function literal(text: string): string {
  return `'${text.replace(/[\\'\n\r\t\0]/g, (char) => ESCAPED[char] ?? char)}'`
}

export function identifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, (char) => `\\${char}`)}\``
}

/** ClickHouse reads back the same double. */
export function number(value: number): string {
  return String(value)
}

/** Alternatives or conditions in brackets; `none` for an empty list. */
export function joinedBy(operator: 'AND' | 'OR', of: readonly string[], none: '0' | '1'): string {
  if (of.length === 0) return none
  return of.length === 1 ? (of[0] as string) : `(${of.join(` ${operator} `)})`
}

/** Only a line feed ends a line: literals may hold the other line separators of Unicode. */
export function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : `    ${line}`))
    .join('\n')
}
