import type { Comparison, FieldMatch, Item, Match, PatternPart, Position, TimePart } from './ast.ts'
import { parseCidr } from './cidr.ts'
import { BYTE_ORDER_MARK, base64, base64Offsets, type Utf16, utf8Bytes, utf16Bytes } from './encode.ts'
import { RuleError } from './errors.ts'
import { parsePattern, placed, plainText } from './pattern.ts'
import { isRunnable } from './regex.ts'
import { toRe2 } from './regex-translate.ts'
import type { YamlNode, YamlScalar } from './yaml.ts'

/** Values for `|expand`, by placeholder name without the percent signs. */
export type Placeholders = Readonly<Record<string, readonly string[]>>

const MODIFIERS = [
  'all',
  'base64',
  'base64offset',
  'cased',
  'cidr',
  'contains',
  'day',
  'endswith',
  'exists',
  'expand',
  'fieldref',
  'gt',
  'gte',
  'hour',
  'i',
  'lt',
  'lte',
  'm',
  'minute',
  'month',
  'neq',
  're',
  's',
  'startswith',
  'utf16',
  'utf16be',
  'utf16le',
  'week',
  'wide',
  'windash',
  'year',
] as const
type Modifier = (typeof MODIFIERS)[number]

const PLACES = ['contains', 'startswith', 'endswith'] as const
const TIME_PARTS: readonly TimePart[] = ['minute', 'hour', 'day', 'week', 'month', 'year']
const COMPARISONS: readonly Comparison[] = ['lt', 'lte', 'gt', 'gte']
const UTF16: readonly Utf16[] = ['utf16', 'utf16le', 'utf16be', 'wide']
const ENCODINGS: readonly Modifier[] = [...UTF16, 'base64', 'base64offset']
const REGEX_FLAGS = ['i', 'm', 's'] as const

/** What each kind of match can stand beside; `all` and `neq` go with everything but `exists`. */
const COMPANIONS: Readonly<Record<'re' | 'cidr' | 'exists' | 'fieldref' | 'compare' | 'time', readonly Modifier[]>> = {
  re: ['re', 'i', 'm', 's', 'all', 'neq'],
  cidr: ['cidr', 'all', 'neq'],
  exists: ['exists'],
  fieldref: ['fieldref', 'contains', 'startswith', 'endswith', 'cased', 'all', 'neq'],
  compare: ['lt', 'lte', 'gt', 'gte', 'all', 'neq'],
  time: [...TIME_PARTS, 'lt', 'lte', 'gt', 'gte', 'all', 'neq'],
}

/** A line of a search, `Field|modifier|modifier: value`, as an item of the tree. */
export function parseItem(key: string, position: Position, value: YamlNode, placeholders: Placeholders): Item {
  const [name = '', ...written] = key.split('|').map((part) => part.trim())
  const field = name === '' ? undefined : name
  const spec = new Spec(
    field,
    written.map((modifier) => known(modifier, position)),
    position,
  )
  const values = valuesOf(value, key)
  const nulls = values.filter((one) => one.value === null)
  if (nulls.length > 0 && values.length > 1) throw new RuleError(nulls[0]?.position ?? position, NULL_IN_LIST)
  if (spec.has('exists') && values.length > 1) throw new RuleError(position, '`exists` takes one value, true or false')
  if (spec.has('all') && values.length < 2)
    throw new RuleError(position, '`all` needs a list of values; with a single value leave `all` out')
  return {
    kind: 'item',
    field,
    values: values.map((one) => matchOf(one, spec, placeholders)),
    link: spec.has('all') ? 'all' : 'any',
    negated: spec.has('neq'),
    position,
  }
}

/** Values without a field: any of them anywhere in the event. */
export function keywords(values: readonly YamlScalar[], placeholders: Placeholders): Item {
  const position = values[0]?.position ?? { file: '', line: 1 }
  const spec = new Spec(undefined, [], position)
  const nothing = values.find((value) => value.value === null)
  if (nothing) throw new RuleError(nothing.position, 'a keyword cannot be null; leave it out')
  return {
    kind: 'item',
    field: undefined,
    values: values.map((one) => matchOf(one, spec, placeholders)),
    link: 'any',
    negated: false,
    position,
  }
}

const NULL_IN_LIST =
  '`null` cannot be one of several values; give it a search of its own and join the two with `or` in the condition'

function known(modifier: string, position: Position): Modifier {
  const found = MODIFIERS.find((one) => one === modifier)
  if (found) return found
  const hint = HINTS[modifier] ?? `modifiers are ${MODIFIERS.join(', ')}`
  throw new RuleError(position, `there is no modifier \`${modifier}\`; ${hint}`)
}

const HINTS: Readonly<Record<string, string>> = {
  not: 'write `neq`, or put the line in a search of its own and `not` before it in the condition',
  equals: 'leave it out: a value is compared with the whole field',
  exact: 'leave it out: a value is compared with the whole field; `cased` compares upper and lower case',
  regex: 'write `re`',
  startsWith: 'write `startswith`',
  endsWith: 'write `endswith`',
  in: 'leave it out: a list of values matches any of them',
  ignorecase: 'write `re|i`',
  utf8: 'leave it out',
}

function valuesOf(node: YamlNode, key: string): readonly YamlScalar[] {
  if (node.kind === 'scalar') return [node]
  if (node.kind === 'map') throw new RuleError(node.position, nestedMap(key, node.entries[0]?.key))
  if (node.items.length === 0) throw new RuleError(node.position, `\`${key}\` has an empty list; give it a value`)
  return node.items.map((item) => {
    if (item.kind === 'scalar') return item
    const what = item.kind === 'map' ? 'a map' : 'a list'
    throw new RuleError(
      item.position,
      `a value of \`${key}\` is ${what}; values are text, numbers, true, false or null`,
    )
  })
}

function nestedMap(key: string, inner = 'field'): string {
  return `the value of \`${key}\` is a map; a nested field is written with a dot: \`${key.split('|')[0]}.${inner}\``
}

/** The modifiers of one line, checked against each other. */
class Spec {
  readonly field: string | undefined
  readonly position: Position
  readonly modifiers: readonly Modifier[]

  constructor(field: string | undefined, modifiers: readonly Modifier[], position: Position) {
    this.field = field
    this.modifiers = modifiers
    this.position = position
    this.check()
  }

  has(modifier: Modifier): boolean {
    return this.modifiers.includes(modifier)
  }

  /** the only modifier of a group */
  one<M extends Modifier>(group: readonly M[]): M | undefined {
    return group.find((modifier) => this.has(modifier))
  }

  private check(): void {
    const twice = this.modifiers.find((modifier, index) => this.modifiers.indexOf(modifier) !== index)
    if (twice) this.refuse(`\`${twice}\` is there twice; write it once`)
    for (const group of [PLACES, TIME_PARTS, COMPARISONS, UTF16, ['base64', 'base64offset'] as const]) {
      const found = this.modifiers.filter((modifier) => (group as readonly string[]).includes(modifier))
      if (found.length > 1) this.refuse(`\`${found[0]}\` and \`${found[1]}\` contradict each other; keep one`)
    }
    for (const [kind, companions] of Object.entries(COMPANIONS)) {
      if (!this.is(kind)) continue
      const other = this.modifiers.find((modifier) => !companions.includes(modifier))
      if (other) this.refuse(`\`${other}\` does nothing to \`${this.named(kind)}\`; leave it out`)
      break
    }
    const flag = this.one(REGEX_FLAGS)
    if (flag && !this.has('re')) this.refuse(`\`${flag}\` belongs behind \`re\`; text is compared without case already`)
    if (this.field === undefined && (this.has('exists') || this.has('fieldref') || this.one(TIME_PARTS)))
      this.refuse('this modifier needs a field: write `Field|modifier`')
  }

  private is(kind: string): boolean {
    if (kind === 'time') return this.one(TIME_PARTS) !== undefined
    if (kind === 'compare') return this.one(COMPARISONS) !== undefined && this.one(TIME_PARTS) === undefined
    return this.modifiers.includes(kind as Modifier)
  }

  private named(kind: string): string {
    return kind === 'time' || kind === 'compare' ? (this.one([...TIME_PARTS, ...COMPARISONS]) ?? kind) : kind
  }

  private refuse(message: string): never {
    throw new RuleError(this.position, message)
  }
}

function matchOf(value: YamlScalar, spec: Spec, placeholders: Placeholders): Match {
  if (spec.has('exists')) return { kind: 'exists', expected: booleanOf(value) }
  if (value.value === null) return nullMatch(value, spec)
  if (spec.has('fieldref')) return fieldMatch(value, spec)
  if (spec.has('re')) return regexMatch(value, spec)
  if (spec.has('cidr')) return cidrMatch(value)
  const part = spec.one(TIME_PARTS)
  const comparison = spec.one(COMPARISONS)
  if (part) return { kind: 'time', part, comparison: comparison ?? 'eq', value: numberOf(value, part) }
  if (comparison) return { kind: 'compare', comparison, value: numberOf(value, comparison) }
  const plain = spec.field !== undefined && !spec.modifiers.some((one) => one !== 'all' && one !== 'neq')
  if (plain && typeof value.value === 'number') return { kind: 'number', value: value.value, text: value.text }
  if (plain && typeof value.value === 'boolean') return { kind: 'boolean', value: value.value }
  return textMatch(value, spec, placeholders)
}

function booleanOf(value: YamlScalar): boolean {
  const text = value.text.toLowerCase()
  if (text === 'true' || text === 'false') return text === 'true'
  throw new RuleError(value.position, '`exists` takes true (the field is there) or false (it is not)')
}

function numberOf(value: YamlScalar, modifier: string): number {
  const number = typeof value.value === 'number' ? value.value : readNumber(value.text)
  if (typeof value.value !== 'boolean' && number !== undefined && Number.isFinite(number)) return number
  throw new RuleError(value.position, `\`${modifier}\` compares numbers, and ${shown(value)} is none`)
}

/** Text that reads as a decimal number, whole. */
export function readNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

function nullMatch(value: YamlScalar, spec: Spec): Match {
  const other = spec.modifiers.find((modifier) => modifier !== 'neq')
  if (other) throw new RuleError(value.position, `\`${other}\` does nothing to null; leave it out, or give it a value`)
  return { kind: 'null' }
}

function fieldMatch(value: YamlScalar, spec: Spec): FieldMatch {
  const field = plainText(parsePattern(value.text))
  if (typeof value.value !== 'string' || field === undefined || field === '')
    throw new RuleError(value.position, `\`fieldref\` takes the name of a field, and ${shown(value)} is none`)
  return { kind: 'field', field, relation: spec.one(PLACES) ?? 'equals', cased: spec.has('cased') }
}

function regexMatch(value: YamlScalar, spec: Spec): Match {
  const translated = toRe2(value.text)
  if (typeof translated !== 'string') throw new RuleError(value.position, `${shown(value)}: ${translated.problem}`)
  const match = {
    kind: 'regex' as const,
    source: translated,
    ignoreCase: spec.has('i'),
    multiLine: spec.has('m'),
    dotAll: spec.has('s'),
  }
  try {
    if (isRunnable(match)) return match
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error)
    throw new RuleError(value.position, `${shown(value)} is not a regular expression: ${why}; correct it`)
  }
  throw new RuleError(value.position, `${shown(value)} repeats too much; lower its counted repetitions`)
}

function cidrMatch(value: YamlScalar): Match {
  const network = parseCidr(value.text)
  if (!network)
    throw new RuleError(value.position, `${shown(value)} is no network; write one like 10.0.0.0/8 or 2001:db8::/32`)
  return { kind: 'cidr', text: value.text, ...network }
}

// ---------------------------------------------------------------------------------------------------- text

function textMatch(value: YamlScalar, spec: Spec, placeholders: Placeholders): Match {
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

function shown(value: YamlScalar): string {
  const text = value.text.length > 60 ? `${value.text.slice(0, 60)}…` : value.text
  return `\`${text}\``
}
