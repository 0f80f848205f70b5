/** Shapes of argument values: what the parameter profile learns and compares, never the values themselves. */

/** At most this many arguments of one call are described. */
export const MAX_PARAMETERS = 32

/** `argument=shape` of every top-level argument, in the order of their names. Linear in the text it looks at (bounded). */
export function parameterShapes(args: Readonly<Record<string, unknown>> | undefined): string[] {
  if (args === undefined) return []
  const names = Object.keys(args).sort()
  const shapes: string[] = []
  for (let i = 0; i < names.length && i < MAX_PARAMETERS; i++) {
    const name = names[i] ?? ''
    shapes.push(`${name.slice(0, 64)}=${shapeOf(args[name])}`)
  }
  return shapes
}

/**
 * Type, size class (powers of four) and, for text, its class of characters: `text:2:word`, `number:3`, `true`,
 * `list:1`, `object:2`, `null`.
 */
export function shapeOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `text:${sizeClass(value.length)}:${characterClass(value)}`
    case 'number':
      return Number.isInteger(value) ? `number:${sizeClass(Math.abs(value))}` : `decimal:${sizeClass(Math.abs(value))}`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `list:${sizeClass(value.length)}`
      return `object:${sizeClass(Object.keys(value).length)}`
    case 'bigint':
    case 'function':
    case 'symbol':
    case 'undefined':
      return 'other'
  }
}

function sizeClass(size: number): number {
  let cls = 0
  for (let s = size; s >= 1; s /= 4) cls++
  return Math.min(cls, 12)
}

const LOOKED_AT = 128

function characterClass(text: string): string {
  let digits = 0
  let letters = 0
  let spaces = 0
  let symbols = 0
  let other = 0
  const n = Math.min(text.length, LOOKED_AT)
  for (let i = 0; i < n; i++) {
    const c = text.charCodeAt(i)
    if (c >= 48 && c <= 57) digits++
    else if ((c | 32) >= 97 && (c | 32) <= 122) letters++
    else if (c === 32 || c === 10 || c === 9) spaces++
    else if (c === 45 || c === 46 || c === 95 || c === 44 || c === 58 || c === 39) continue
    else if (c > 127) other++
    else symbols++
  }
  if (other > letters) return 'foreign'
  if (symbols > 2 && symbols * 6 > n) return 'code'
  if (text.startsWith('http') || text.startsWith('www.')) return 'url'
  if (text.startsWith('/') || text.startsWith('~/')) return 'path'
  if (symbols > 0 && spaces === 0 && text.includes('@')) return 'mail'
  if (spaces > 0) return 'prose'
  if (digits > 0 && letters === 0) return 'digits'
  return digits > 0 ? 'id' : 'word'
}
