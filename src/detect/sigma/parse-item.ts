import type { FieldMatch, Item, Match, Position } from './ast.ts'
import { parseCidr } from './cidr.ts'
import { RuleError } from './errors.ts'
import { COMPARISONS, PLACES, Spec, TIME_PARTS } from './modifiers.ts'
import { type Placeholders, textMatch } from './parse-text.ts'
import { readNumber, shown } from './parse-values.ts'
import { parsePattern, plainText } from './pattern.ts'
import { isRunnable } from './regex.ts'
import { toRe2 } from './regex-translate.ts'
import type { YamlNode, YamlScalar } from './yaml.ts'

/** A line of a search, `Field|modifier|modifier: value`, as an item of the tree. */
export function parseItem(key: string, position: Position, value: YamlNode, placeholders: Placeholders): Item {
  const [name = '', ...written] = key.split('|').map((part) => part.trim())
  const field = name === '' ? undefined : name
  const spec = new Spec(field, written, position)
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
