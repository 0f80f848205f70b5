import type { TObject, TSchema } from '@sinclair/typebox'
import { Value, type ValueError, ValueErrorType } from '@sinclair/typebox/value'
import { closest, distance } from 'fastest-levenshtein'
import { ConfigSchema } from './config-schema.ts'

/** How a secret is written; the text itself never is. */
export const SECRET_FORM = '{ env: NAME } or { file: PATH }'

/** What does not fit the schema: one sentence per place, which begins with its path. */
export function* describeErrors(config: unknown): Generator<string> {
  const told = new Set<string>()
  for (const error of Value.Errors(ConfigSchema, config)) {
    const path = dotted(error.path)
    // A missing member is reported twice: as missing, and as not being of its type.
    if (told.has(path)) continue
    told.add(path)
    yield path === '' ? expectation(error) : `${path}: ${expectation(error)}`
  }
}

/**
 * Sections that stand where a list belongs, in a configuration as it was written: filling in the defaults would merge
 * such a section into the default list, which then passes for an empty one.
 */
export function* describeMissingLists(written: unknown): Generator<string> {
  for (const error of Value.Errors(ConfigSchema, written))
    if (error.type === ValueErrorType.Array && typeof error.value === 'object' && error.value !== null)
      yield `${dotted(error.path)}: ${expectation(error)}`
}

function expectation(error: ValueError): string {
  const { schema, value, type } = error
  if (type === ValueErrorType.ObjectAdditionalProperties) return unknownKey(error)
  if (schema.secret === true) return secretExpectation(value)
  if (type === ValueErrorType.ObjectRequiredProperty) return `missing: expected ${expectedBy(schema)}`
  return `expected ${expectedBy(schema)}, found ${shown(value)}`
}

function expectedBy(schema: TSchema): string {
  if (typeof schema.expected === 'string') return schema.expected
  if (schema.secret === true) return SECRET_FORM
  const { minimum, maximum, exclusiveMinimum } = schema
  const from = minimum ?? (exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`)
  const range = [from, maximum].some((bound) => bound !== undefined) ? ` (${from ?? ''} to ${maximum ?? 'any'})` : ''
  switch (schema.type) {
    case 'object':
      return 'a section of `key: value` lines'
    case 'array':
      return schema.minItems ? `a list of at least ${schema.minItems}` : 'a list'
    case 'integer':
      return `a whole number${range}`
    case 'number':
      return `a number${range}`
    case 'boolean':
      return 'true or false'
    default:
      return 'a text that is not empty'
  }
}

function secretExpectation(value: unknown): string {
  if (value === undefined) return `missing: expected ${SECRET_FORM}`
  const found = typeof value === 'string' ? 'a secret is never written into this file' : `found ${shown(value)}`
  return `expected ${SECRET_FORM}; ${found}`
}

function unknownKey(error: ValueError): string {
  const parts = error.path.split('/')
  const key = unescapePointer(parts.pop() ?? '')
  const known = Object.keys(propertiesOf(ConfigSchema, parts.slice(1).map(unescapePointer)))
  const nearest = known.length > 0 ? closest(key, known) : undefined
  const likely =
    nearest !== undefined && distance(key.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, key.length / 2)
  return likely ? `unknown key; did you mean \`${nearest}\`?` : `unknown key; known here: ${known.join(', ')}`
}

function propertiesOf(schema: TSchema, path: readonly string[]): TObject['properties'] {
  let at: TSchema | undefined = schema
  for (const part of path) at = at?.type === 'array' ? (at.items as TSchema) : at?.properties?.[part]
  return at?.properties ?? {}
}

/** The value itself is shown only where it cannot be a secret typed into the wrong place. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'another text'
  return typeof value === 'object' ? 'a section' : JSON.stringify(value)
}

function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${unescapePointer(part)}`))
    .join('')
    .replace(/^\./, '')
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}
