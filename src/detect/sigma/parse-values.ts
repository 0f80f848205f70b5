import type { Position } from './ast.ts'
import { RuleError } from './errors.ts'
import { entryOf, type YamlEntry, type YamlMap, type YamlNode, type YamlScalar } from './yaml.ts'

/** Readers of single keys; each says what the key should hold. */

export function required(map: YamlMap, key: string, hint: string): YamlEntry {
  const entry = entryOf(map, key)
  if (!entry) throw new RuleError(map.position, `\`${key}\` is missing; ${hint}`)
  if (entry.value.kind === 'scalar' && entry.value.value === null)
    throw new RuleError(entry.position, `\`${key}\` is empty; ${hint}`)
  return entry
}

export function mapOf({ key, value }: YamlEntry, hint: string): YamlMap {
  if (value.kind === 'map') return value
  throw new RuleError(value.position, `\`${key}\` must be a map; ${hint}`)
}

/** Text; numbers and booleans by the text they were written with. Undefined when the key is absent or empty. */
export function optionalText(map: YamlMap, key: string): string | undefined {
  const entry = entryOf(map, key)
  if (!entry || (entry.value.kind === 'scalar' && entry.value.value === null)) return undefined
  return textOf(entry)
}

export function textOf({ key, value }: YamlEntry): string {
  if (value.kind === 'scalar' && value.value !== null) return value.text
  throw new RuleError(value.position, `\`${key}\` must be text`)
}

export function oneOf<T extends string>(map: YamlMap, key: string, allowed: readonly T[]): T | undefined {
  const text = optionalText(map, key)
  if (text === undefined) return undefined
  const found = allowed.find((one) => one === text)
  if (found) return found
  const position = entryOf(map, key)?.position ?? map.position
  throw new RuleError(position, `\`${key}\` is \`${text}\`; it is one of ${allowed.join(', ')}`)
}

/** A list of texts; a single text is a list of one, an absent key an empty list. */
export function texts(map: YamlMap, key: string): readonly string[] {
  const entry = entryOf(map, key)
  return entry ? textsOf(entry).map((one) => one.text) : []
}

export function textsOf({ key, value }: YamlEntry): readonly { readonly text: string; readonly position: Position }[] {
  const items = value.kind === 'list' ? value.items : [value]
  return items.flatMap((item) => {
    if (item.kind === 'scalar') return item.value === null ? [] : [{ text: item.text, position: item.position }]
    throw new RuleError(item.position, `\`${key}\` must be a list of texts`)
  })
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30s`, `15m`, `1h`, `7d` in milliseconds. */
export function durationMs(text: string): number | undefined {
  const found = /^([0-9]{1,9})([smhd])$/.exec(text)
  const ms = Number(found?.[1]) * (UNITS[found?.[2] ?? ''] ?? 0)
  return Number.isSafeInteger(ms) && ms > 0 ? ms : undefined
}

/** The plain value of a node, as JSON has it. */
export function plainOf(node: YamlNode): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plainOf)
  return Object.fromEntries(node.entries.map((entry) => [entry.key, plainOf(entry.value)]))
}

/** Text that reads as a decimal number, whole. */
export function readNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

/** A value as messages show it. */
export function shown(value: YamlScalar): string {
  const text = value.text.length > 60 ? `${value.text.slice(0, 60)}…` : value.text
  return `\`${text}\``
}
