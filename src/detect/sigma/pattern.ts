import type { PatternPart } from './ast.ts'

const MANY: PatternPart = { wildcard: 'many' }
const ONE: PatternPart = { wildcard: 'one' }

/**
 * A value with its wildcards (specification, "Escape Character"): a backslash escapes `*`, `?` and a backslash; before
 * anything else it is itself. So `\\*` is a backslash and a wildcard, and three backslashes are two.
 */
export function parsePattern(text: string): readonly PatternPart[] {
  const parts: PatternPart[] = []
  let literal = ''
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    const next = text.charAt(index + 1)
    if (char === '\\' && (next === '*' || next === '?' || next === '\\')) {
      literal += next
      index++
    } else if (char === '*' || char === '?') {
      if (literal !== '') parts.push({ literal })
      literal = ''
      parts.push(char === '*' ? MANY : ONE)
    } else literal += char
  }
  if (literal !== '') parts.push({ literal })
  return normalized(parts)
}

/** The pattern that is found anywhere, at the start or at the end of a text. */
export function placed(
  parts: readonly PatternPart[],
  place: 'contains' | 'startswith' | 'endswith' | undefined,
): readonly PatternPart[] {
  if (place === undefined) return parts
  const before = place === 'startswith' ? [] : [MANY]
  const after = place === 'endswith' ? [] : [MANY]
  return normalized([...before, ...parts, ...after])
}

/** The text of a pattern without wildcards, else undefined. */
export function plainText(parts: readonly PatternPart[]): string | undefined {
  if (parts.length === 0) return ''
  const [first] = parts
  return parts.length === 1 && first && 'literal' in first ? first.literal : undefined
}

/** No two literals and no two `many` in a row. */
export function normalized(parts: readonly PatternPart[]): readonly PatternPart[] {
  const out: PatternPart[] = []
  for (const part of parts) {
    const last = out.at(-1)
    if (last && 'literal' in last && 'literal' in part) out[out.length - 1] = { literal: last.literal + part.literal }
    else if (last && 'wildcard' in last && 'wildcard' in part && last.wildcard === 'many' && part.wildcard === 'many')
      continue
    else out.push(part)
  }
  return out
}
