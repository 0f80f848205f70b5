import type { Match, PatternPart } from './ast.ts'
import { BYTE_ORDER_MARK, base64, base64Offsets, type Utf16, utf8Bytes, utf16Bytes } from './encode.ts'
import { RuleError } from './errors.ts'
import { ENCODINGS, PLACES, type Spec, UTF16 } from './modifiers.ts'
import { shown } from './parse-values.ts'
import { parsePattern, placed, plainText } from './pattern.ts'
import type { YamlScalar } from './yaml.ts'

/** Values for `|expand`, by placeholder name without the percent signs. */
export type Placeholders = Readonly<Record<string, readonly string[]>>

/** A value that is compared as text: placeholders, dashes and encodings applied, then put in its place. */
export function textMatch(value: YamlScalar, spec: Spec, placeholders: Placeholders): Match {
  const encoded = spec.one(ENCODINGS) !== undefined
  const written = spec.has('expand') ? expanded(value, placeholders) : [value.text]
  const dashed = encoded && spec.has('windash') ? written.flatMap((text) => dashVariants(text, value)) : written
  const patterns = dashed.flatMap((text) => encode(parsePattern(text), spec, value))
  const cased = spec.has('cased')
  const anyDash = spec.has('windash') && !encoded
  const matches = patterns.map(
    (pattern): Match => ({ kind: 'text', pattern: placed(pattern, placeOf(spec)), cased, anyDash }),
  )
  const [only] = matches
  return matches.length === 1 && only ? only : { kind: 'any', of: matches }
}

/** Keywords are looked for in the whole event, and what base64offset encodes "might appear somewhere": both anywhere. */
function placeOf(spec: Spec): (typeof PLACES)[number] | undefined {
  return spec.one(PLACES) ?? (spec.field === undefined || spec.has('base64offset') ? 'contains' : undefined)
}

function encode(pattern: readonly PatternPart[], spec: Spec, value: YamlScalar): readonly (readonly PatternPart[])[] {
  const utf16 = spec.one(UTF16)
  const wide = utf16 ? wideOf(pattern, utf16) : pattern
  if (!spec.has('base64') && !spec.has('base64offset')) return [wide]
  const text = plainText(wide)
  if (text === undefined || text === '')
    throw new RuleError(
      value.position,
      `${shown(value)}: base64 needs text without wildcards; escape them as \\* or \\?`,
    )
  const bytes = utf16 ? text : utf8Bytes(text)
  if (spec.has('base64')) return [[{ literal: base64(bytes) }]]
  const variants = base64Offsets(bytes)
  if (variants.length === 3) return variants.map((literal) => [{ literal }])
  throw new RuleError(value.position, `${shown(value)} is too short for base64offset; it needs two bytes or more`)
}

function wideOf(pattern: readonly PatternPart[], encoding: Utf16): readonly PatternPart[] {
  const wide = pattern.map((part) => ('literal' in part ? { literal: utf16Bytes(part.literal, encoding) } : part))
  if (encoding !== 'utf16') return wide
  const [first, ...rest] = wide
  return first && 'literal' in first
    ? [{ literal: BYTE_ORDER_MARK + first.literal }, ...rest]
    : [{ literal: BYTE_ORDER_MARK }, ...wide]
}

const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015'] as const
/** 5^5 values; without an encoding behind it `windash` needs no list and has no limit */
const MAX_ENCODED_DASHES = 5

/** Every permutation of the dashes, for a value that is encoded afterwards. */
function dashVariants(text: string, value: YamlScalar): readonly string[] {
  const pieces = text.split(/[-/\u2013\u2014\u2015]/)
  if (pieces.length - 1 > MAX_ENCODED_DASHES)
    throw new RuleError(
      value.position,
      `${shown(value)} has more than ${MAX_ENCODED_DASHES} dashes to encode; shorten it`,
    )
  return pieces
    .slice(1)
    .reduce<string[]>(
      (all, piece) => all.flatMap((head) => DASHES.map((dash) => head + dash + piece)),
      [pieces[0] ?? ''],
    )
}

/** A value with its placeholders filled in; `\%` is a percent sign (specification, "Placeholders"). */
function expanded(value: YamlScalar, placeholders: Placeholders): readonly string[] {
  let texts = ['']
  let found = false
  for (const token of value.text.match(/\\%|%[^%\s\\]+%|[\s\S]/gu) ?? []) {
    const name = token.length > 2 && token.startsWith('%') ? token.slice(1, -1) : undefined
    const values = name === undefined ? [token === '\\%' ? '%' : token] : fillings(name, value, placeholders)
    found ||= name !== undefined
    texts = texts.flatMap((head) => values.map((filling) => head + filling))
  }
  if (found) return texts
  throw new RuleError(
    value.position,
    `${shown(value)} has no placeholder; write one as %name%, or leave \`expand\` out`,
  )
}

function fillings(name: string, value: YamlScalar, placeholders: Placeholders): readonly string[] {
  const values = Object.hasOwn(placeholders, name) ? placeholders[name] : undefined
  if (values !== undefined && values.length > 0) return values
  throw new RuleError(
    value.position,
    `the placeholder %${name}% has no values here; list them in place of it and leave \`expand\` out`,
  )
}
