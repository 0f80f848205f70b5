import type { LogSource } from './ast.ts'

/** Reads one field of an event: undefined when it is missing, an array when it holds or passes through a list. */
export type FieldRead<E> = (event: E) => unknown

/**
 * Where rules find an event's values. A rule resolves each field name once, when it is compiled, and then only reads;
 * what is read must depend on the event alone. Values are JSON: text, numbers, booleans, null, lists, maps.
 */
export interface FieldReader<E> {
  /** The reader of a field as a rule names it, such as `tool.name`. */
  field(name: string): FieldRead<E>
  /** Every scalar value of the event, for keywords; stops when `visit` returns true and then returns true. */
  some(event: E, visit: (value: unknown) => boolean): boolean
  /** Unix milliseconds for correlations; undefined when the event has no readable time. */
  timeMs(event: E): number | undefined
}

/**
 * What a kind of event looks like to rules. A field name is first one that is `added`, then a key of the JSON exactly as
 * written, dots included, then a path through maps; a list on the way stands for each of its elements.
 */
export interface EventShape<E> {
  /** log-source routing: whether rules for this log source are about these events */
  accepts(logsource: LogSource): boolean
  /** the object in which names resolve */
  json(event: E): unknown
  /** a field that is not in the JSON, such as `session.risk` */
  added(name: string): FieldRead<E> | undefined
  timeMs(event: E): number | undefined
}

/** Events of any product: JSON objects with a `timestamp` or `@timestamp`. Every rule sees them. */
export const RAW_EVENTS: EventShape<unknown> = {
  accepts: () => true,
  json: (event) => event,
  added: () => undefined,
  timeMs: (event) => {
    if (typeof event !== 'object' || event === null) return undefined
    const { timestamp, '@timestamp': at } = event as { readonly timestamp?: unknown; readonly '@timestamp'?: unknown }
    return timeOf(timestamp) ?? timeOf(at)
  },
}

/** a Unix time above it is in milliseconds: in seconds it would be the year 5138 */
const MAX_SECONDS = 1e11

/** Unix milliseconds of an ISO 8601 text or a Unix time in seconds or milliseconds. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) ? (value < MAX_SECONDS ? value * 1000 : value) : undefined
  if (typeof value !== 'string' || value === '') return undefined
  const ms = Date.parse(
    /^\d{4}-\d\d-\d\d[T ][\d:.,]+$/.test(value) ? `${value.replace(' ', 'T').replace(',', '.')}Z` : value,
  )
  return Number.isNaN(ms) ? undefined : ms
}

export function fieldReader<E>(shape: EventShape<E>): FieldReader<E> {
  return {
    field: (name) => shape.added(name) ?? jsonRead(shape, name),
    some: (event, visit) => someScalar(shape.json(event), visit, 0),
    timeMs: (event) => shape.timeMs(event),
  }
}

function jsonRead<E>(shape: EventShape<E>, name: string): FieldRead<E> {
  const path = name.split('.')
  return (event) => {
    const json = shape.json(event)
    if (typeof json !== 'object' || json === null) return undefined
    if (Object.hasOwn(json, name)) return (json as Readonly<Record<string, unknown>>)[name]
    return path.length === 1 ? undefined : walk(json, path, 0)
  }
}

function walk(value: unknown, path: readonly string[], at: number, depth = 0): unknown {
  const key = path[at]
  if (key === undefined) return value
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return undefined
  if (!Array.isArray(value))
    return Object.hasOwn(value, key)
      ? walk((value as Readonly<Record<string, unknown>>)[key], path, at + 1, depth)
      : undefined
  const found = value.map((element) => walk(element, path, at, depth + 1)).filter((one) => one !== undefined)
  return found.length === 0 ? undefined : found
}

/** Lists within lists deeper than this are not looked into; what the pipeline accepts is never as deep. */
export const MAX_DEPTH = 64

/** A list of lists as one list; anything else as it is. */
export function flattened(value: unknown): unknown {
  return Array.isArray(value) && value.some(Array.isArray) ? value.flat(MAX_DEPTH) : value
}

/** True as soon as `visit` is, for any text, number or boolean in the JSON. */
export function someScalar(value: unknown, visit: (value: unknown) => boolean, depth: number): boolean {
  if (typeof value !== 'object') return value !== undefined && visit(value)
  if (value === null || depth > MAX_DEPTH) return false
  if (Array.isArray(value)) return value.some((element) => someScalar(element, visit, depth + 1))
  for (const key in value)
    if (someScalar((value as Readonly<Record<string, unknown>>)[key], visit, depth + 1)) return true
  return false
}
