/** Reading OTLP/JSON of any producer: whatever does not have the expected shape is as if it were absent. */

export type Attributes = ReadonlyMap<string, string | number | boolean>
export type Json = Readonly<Record<string, unknown>>

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : []
}

export function recordOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

/** `[{key, value: {stringValue | intValue | doubleValue | boolValue}}]` as a map; lists and nested maps are left out. */
export function attributesOf(value: unknown): Attributes {
  const attributes = new Map<string, string | number | boolean>()
  for (const { key, value: any } of listOf(value)) {
    if (typeof key !== 'string') continue
    const { stringValue, intValue, doubleValue, boolValue } = recordOf(any)
    if (typeof stringValue === 'string') attributes.set(key, stringValue)
    else if (typeof boolValue === 'boolean') attributes.set(key, boolValue)
    else if (typeof doubleValue === 'number') attributes.set(key, doubleValue)
    else if (typeof intValue === 'number' || typeof intValue === 'string') attributes.set(key, Number(intValue))
  }
  return attributes
}

/** The first of these attributes that is a text and not empty. */
export function textOf(attributes: Attributes, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = attributes.get(name)
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}

/** Trace and span ids come as hex or as base64; ours are hex. `undefined` for anything else. */
export function hexId(value: unknown, bytes: number): string | undefined {
  if (typeof value !== 'string') return undefined
  if (value.length === bytes * 2 && /^[0-9a-fA-F]+$/.test(value)) return value.toLowerCase()
  const decoded = Buffer.from(value, 'base64')
  return decoded.length === bytes ? decoded.toString('hex') : undefined
}

/** Unix milliseconds, with a fraction, of nanoseconds as text or number. */
export function nanosToMs(value: unknown): number | undefined {
  if (typeof value === 'string' && /^\d{1,19}$/.test(value)) return Number(BigInt(value) / 1_000n) / 1_000
  return typeof value === 'number' && value >= 0 ? value / 1e6 : undefined
}
