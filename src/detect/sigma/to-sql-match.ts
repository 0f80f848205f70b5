import type {
  CidrMatch,
  Comparison,
  FieldMatch,
  Item,
  Match,
  NumberMatch,
  PatternPart,
  RegexMatch,
  TextMatch,
  TimeMatch,
} from './ast.ts'
import { foldDashes, lowerCase } from './fold.ts'
import { joinedBy, literal, number } from './to-sql-text.ts'

/** The columns that a test of a field reads; each call names the column and sees to it that the query has it. */
export interface ItemColumns {
  /** 1 where the field is there */
  present(field: string): string
  /** Array(String): the JSON of every value of the field; undefined: of every scalar of the event */
  values(field: string | undefined): string
  /** Array(String): the texts of its scalars, null left out */
  texts(field: string | undefined): string
  /** Array(String): the same in lower case */
  lowered(field: string | undefined): string
}

/** A condition that is 1 where the item holds for the row. */
export function itemSql({ field, values, link, negated }: Item, columns: ItemColumns): string {
  const tests = link === 'all' ? values.map((value) => matchSql(value, field, columns)) : anySql(values, field, columns)
  const holds = joinedBy(link === 'all' ? 'AND' : 'OR', tests, '0')
  return negated ? `NOT ${holds}` : holds
}

/** Tests of which one must hold: those of text in one pass over the texts for each way in which they are compared. */
function anySql(values: readonly Match[], field: string | undefined, columns: ItemColumns): readonly string[] {
  const all = values.flatMap((value) => (value.kind === 'any' ? value.of : [value]))
  const texts = new Map<string, TextMatch[]>()
  const others: string[] = []
  for (const value of all) {
    if (value.kind !== 'text') others.push(matchSql(value, field, columns))
    else {
      const way = `${value.cased} ${value.anyDash}`
      texts.set(way, [...(texts.get(way) ?? []), value])
    }
  }
  return [...[...texts.values()].map((alike) => textSql(alike, field, columns)), ...others]
}

function matchSql(match: Match, field: string | undefined, columns: ItemColumns): string {
  const anyText = (test: string): string => `arrayExists(x -> ${test}, ${columns.texts(field)})`
  switch (match.kind) {
    case 'any':
      return joinedBy(
        'OR',
        match.of.map((one) => matchSql(one, field, columns)),
        '0',
      )
    case 'null':
      // A keyword is never null.
      return field === undefined ? '0' : `(NOT ${columns.present(field)} OR has(${columns.values(field)}, 'null'))`
    case 'exists':
      if (field === undefined) return '0'
      return match.expected ? columns.present(field) : `NOT ${columns.present(field)}`
    case 'text':
      return textSql([match], field, columns)
    case 'boolean':
      return `has(${columns.lowered(field)}, '${match.value}')`
    case 'number':
      return numberSql(match, columns.texts(field))
    case 'compare':
      return anyText(`ifNull(${decimalSql('x')} ${OPERATORS[match.comparison]} ${number(match.value)}, 0)`)
    case 'regex':
      return anyText(`match(x, ${literal(flagsOf(match) + match.source)})`)
    case 'cidr':
      return anyText(cidrSql(match))
    case 'field':
      return fieldSql(match, field, columns)
    case 'time':
      return `arrayExists(x -> ${timeSql(match)}, ${columns.values(field)})`
  }
}

// ----------------------------------------------------------------------------------------------------- text

/** Patterns that are compared in the same way; one of them must match one of the texts. */
function textSql(alike: readonly TextMatch[], field: string | undefined, columns: ItemColumns): string {
  const [{ cased, anyDash } = { cased: false, anyDash: false }] = alike
  const texts = cased ? columns.texts(field) : columns.lowered(field)
  const of = anyDash ? `arrayMap(x -> replaceRegexpAll(x, '[/\u2013\u2014\u2015]', '-'), ${texts})` : texts
  const fold = (text: string): string => {
    const folded = cased ? text : lowerCase(text)
    return anyDash ? foldDashes(folded) : folded
  }
  const patterns = alike.map(({ pattern }) =>
    pattern.map((part) => ('literal' in part ? { literal: fold(part.literal) } : part)),
  )
  return `arrayExists(x -> ${joinedBy('OR', patternsSql(patterns), '0')}, ${of})`
}

/** ClickHouse searches for this many texts at once. */
const MAX_NEEDLES = 255

function patternsSql(patterns: readonly (readonly PatternPart[])[]): readonly string[] {
  const equal: string[] = []
  const within: string[] = []
  const others: string[] = []
  for (const pattern of patterns) {
    const [first, second, third] = pattern
    if (first !== undefined && 'literal' in first && pattern.length === 1) equal.push(literal(first.literal))
    else if (second !== undefined && 'literal' in second && pattern.length === 3 && isMany(first) && isMany(third))
      within.push(literal(second.literal))
    else others.push(patternSql(pattern))
  }
  const searches: string[] = []
  for (let at = 0; at < within.length; at += MAX_NEEDLES)
    searches.push(`multiSearchAny(x, [${within.slice(at, at + MAX_NEEDLES).join(', ')}])`)
  return [...(equal.length === 0 ? [] : [`x IN (${equal.join(', ')})`]), ...searches, ...others]
}

/** A pattern that is neither a whole text nor something within it. */
function patternSql(pattern: readonly PatternPart[]): string {
  const [first, second] = pattern
  if (first === undefined) return "x = ''"
  if ('literal' in first && pattern.length === 2 && isMany(second)) return `startsWith(x, ${literal(first.literal)})`
  if (isMany(first) && second === undefined) return '1'
  if (isMany(first) && pattern.length === 2 && second !== undefined && 'literal' in second)
    return `endsWith(x, ${literal(second.literal)})`
  const regex = pattern.map((part) =>
    'literal' in part ? quoted(part.literal) : part.wildcard === 'many' ? '.*' : '.',
  )
  return `match(x, ${literal(`(?s)\\A${regex.join('')}\\z`)})`
}

function isMany(part: PatternPart | undefined): boolean {
  return part !== undefined && 'wildcard' in part && part.wildcard === 'many'
}

function quoted(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
}

/** RE2 of both engines; ClickHouse lets a dot match a line break unless it is told not to. */
function flagsOf({ ignoreCase, multiLine, dotAll }: RegexMatch): string {
  return `(?${ignoreCase ? 'i' : ''}${multiLine ? 'm' : ''}${dotAll ? 's' : '-s'})`
}

// -------------------------------------------------------------------------------------------------- numbers

const OPERATORS: Readonly<Record<Comparison | 'eq', string>> = { lt: '<', lte: '<=', gt: '>', gte: '>=', eq: '=' }

function numberSql({ value, text }: NumberMatch, texts: string): string {
  return `arrayExists(x -> ifNull(${decimalSql('x')} = ${number(value)}, 0) OR lowerUTF8(x) = ${literal(text.toLowerCase())}, ${texts})`
}

/** A decimal number that a text is, as Nullable(Float64): written as JSON first, which is read exactly. */
export function decimalSql(text: string): string {
  const json = [
    ['^\\+', ''],
    ['^(-?)\\.', '\\10.'],
    ['^(-?)0+([0-9])', '\\1\\2'],
    ['\\.([eE]|$)', '\\1'],
    ['^(-?[0-9]{19,})$', '\\1.0'],
  ].reduce((inner, [from = '', to = '']) => `replaceRegexpOne(${inner}, ${literal(from)}, ${literal(to)})`, text)
  const decimal = literal('\\A[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?\\z')
  return `if(match(${text}, ${decimal}), JSONExtract(${json}, 'Nullable(Float64)'), NULL)`
}

// ------------------------------------------------------------------------------------------------ addresses

function cidrSql({ version, network, prefixBits }: CidrMatch): string {
  if (version === 4) {
    const [low, high] = rangeOf(network, prefixBits)
    const plain = literal('\\A(?:(?:0|[1-9][0-9]{0,2})\\.){3}(?:0|[1-9][0-9]{0,2})\\z')
    return `(match(x, ${plain}) AND IPv4StringToNumOrNull(x) BETWEEN ${intOf(low)} AND ${intOf(high)})`
  }
  const [low, high] = rangeOf(network, prefixBits).map((bytes) => `unhex('${hexOf(bytes)}')`)
  const address = `if(position(x, ':') > 0, IPv6StringToNumOrNull(x), NULL)`
  return `(${address} BETWEEN ${low} AND ${high})`
}

/** First and last address of a network, in bytes. */
function rangeOf(network: readonly number[], prefixBits: number): readonly [readonly number[], readonly number[]] {
  const last = network.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, prefixBits - 8 * index))))
  return [network, last]
}

const intOf = (bytes: readonly number[]): number => bytes.reduce((value, byte) => value * 256 + byte, 0)
const hexOf = (bytes: readonly number[]): string => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')

// --------------------------------------------------------------------------------------------- other fields

function fieldSql(
  { field: other, relation, cased }: FieldMatch,
  field: string | undefined,
  columns: ItemColumns,
): string {
  const side = (name: string | undefined): string => (cased ? columns.texts(name) : columns.lowered(name))
  const test = {
    equals: 'x = y',
    startswith: 'startsWith(x, y)',
    endswith: 'endsWith(x, y)',
    contains: 'position(x, y) > 0',
  }[relation]
  return `arrayExists(x -> arrayExists(y -> ${test}, ${side(other)}), ${side(field)})`
}

/** A date as it is written; a Unix time, of 1900 to 2299, has no writing and is read in UTC. */
function timeSql({ part, comparison, value }: TimeMatch): string {
  const ms = "JSONExtract(x, 'Nullable(Float64)') * if(JSONExtract(x, 'Nullable(Float64)') < 1e11, 1000, 1)"
  const utc = `formatDateTime(fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC'), '%Y-%m-%dT%H:%i')`
  const text = `if(startsWith(x, '"'), JSONExtractString(x), if(match(x, '\\A-?[0-9]') AND ${ms} BETWEEN -2208988800000 AND 10413791999000, ${utc}, ''))`
  return `arrayExists(t -> ${partSql(part)} ${OPERATORS[comparison]} ${number(value)}, [ifNull(${text}, '')])`
}

const DATE = "match(t, '\\A[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

function partSql(part: TimeMatch['part']): string {
  const at = { year: [1, 4], month: [6, 2], day: [9, 2], hour: [12, 2], minute: [15, 2] } as const
  if (part === 'week') {
    const monday =
      'makeDate32(toUInt16(substring(t, 1, 4)), toUInt8(substring(t, 6, 2)), 1) + toUInt8(substring(t, 9, 2)) - 1'
    return `if(${DATE}'), toISOWeek(${monday}), NULL)`
  }
  const [from, length] = at[part]
  const written = part === 'hour' || part === 'minute' ? `${DATE}[T ][0-9]{2}:[0-9]{2}')` : `${DATE}')`
  return `if(${written}, toInt32(substring(t, ${from}, ${length})), NULL)`
}
