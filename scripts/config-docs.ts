/** Writes belay.example.yaml and docs/configuration.md from the schema; a test fails when they are not fresh. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { TSchema } from '@sinclair/typebox'
import { ConfigSchema } from '../src/run/config-schema.ts'

interface Key {
  readonly path: string
  readonly name: string
  readonly depth: number
  readonly schema: TSchema
  readonly required: boolean
}

/** All keys in the order of the schema; those of a list's items with `[]` behind the list's name. */
function* keysOf(schema: TSchema, path = '', depth = 0): Generator<Key> {
  const required = new Set<string>((schema.required as string[] | undefined) ?? [])
  for (const [name, property] of Object.entries((schema.properties as Record<string, TSchema> | undefined) ?? {})) {
    const key = { path: path === '' ? name : `${path}.${name}`, name, depth, schema: property }
    yield { ...key, required: required.has(name) && property.default === undefined }
    const items = property.items as TSchema | undefined
    if (items?.properties) yield* keysOf(items, `${key.path}[]`, depth + 1)
    else if (property.secret !== true) yield* keysOf(property, key.path, depth + 1)
  }
}

const isSection = (schema: TSchema): boolean => schema.properties !== undefined
const isItems = (schema: TSchema): boolean => (schema.items as TSchema | undefined)?.properties !== undefined
const example = (schema: TSchema): unknown =>
  (schema.examples as unknown[] | undefined)?.[0] ?? schema.default ?? firstOf(schema)
const firstOf = (schema: TSchema): unknown => (schema.anyOf as TSchema[] | undefined)?.[0]?.const

/** Flow style: every value fits on its key's line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return Object.keys(value).length === 0
      ? '{}'
      : `{ ${Object.entries(value)
          .map(([key, one]) => `${key}: ${flow(one)}`)
          .join(', ')} }`
  return typeof value === 'string' && !/^[A-Za-z/.][\w./-]*$/.test(value) ? JSON.stringify(value) : String(value)
}

/** The example file: every key commented out, `#key` where a value stands, `# text` where it is explained. */
export function renderExample(): string {
  const lines = [
    '# Belay: every key, with its default or an example. All of it is optional; without a file Belay runs embedded.',
    '# Generated from the schema (npm run docs:config); docs/configuration.md has the same as a table.',
  ]
  const firstOfItem = new Set<string>()
  for (const { path, name, depth, schema } of keysOf(ConfigSchema)) {
    const list = path.lastIndexOf('[].')
    const item = list >= 0 && path.lastIndexOf('.') === list + 2 ? path.slice(0, list) : undefined
    const dash = item !== undefined && !firstOfItem.has(item)
    if (item !== undefined) firstOfItem.add(item)
    const indent = '  '.repeat(depth + path.split('[]').length - 1)
    const begin = dash ? `${indent.slice(2)}#- ` : `${indent}#`
    if (depth === 0) lines.push('')
    lines.push(`${dash ? indent.slice(2) : indent}# ${String(schema.description)}`)
    lines.push(isSection(schema) || isItems(schema) ? `${begin}${name}:` : `${begin}${name}: ${flow(example(schema))}`)
  }
  return `${lines.join('\n')}\n`
}

function typeOf(schema: TSchema): string {
  if (schema.secret === true) return 'secret'
  if (isSection(schema)) return 'section'
  if (schema.anyOf) return (schema.anyOf as TSchema[]).map((one) => `\`${String(one.const)}\``).join(', ')
  if (schema.items) return isItems(schema) ? 'list of sections' : `list of ${typeOf(schema.items as TSchema)}`
  if (schema.patternProperties) return 'map'
  return schema.type === 'string' ? 'text' : String(schema.type)
}

function row({ path, schema, required }: Key): string {
  const has = schema.default !== undefined && !isSection(schema)
  const standard = has ? `\`${flow(schema.default)}\`` : required ? 'required' : ''
  return `| \`${path}\` | ${typeOf(schema)} | ${standard} | ${String(schema.description).replaceAll('|', '\\|')} |`
}

export function renderPage(): string {
  return `# Configuration

<!-- Generated from src/run/config-schema.ts by \`npm run docs:config\`; edit the descriptions there. -->

One YAML file, given as \`--config FILE\`. Every key is optional; without a file Belay runs embedded on loopback.
\`belay.example.yaml\` shows the same keys in place. An unknown key is refused, with the nearest known one.

- A **secret** is never written into the file: it is \`{ env: NAME }\` or \`{ file: PATH }\`.
- The sections \`kafka\`, \`clickhouse\` and \`redis\` switch their part from embedded to distributed by being there.
- \`[]\` marks the keys of a list's entries; "required" holds where its section is present.
- \`belay doctor --config FILE\` checks the file first and then each part that it names.

| key | type | default | meaning |
|---|---|---|---|
${[...keysOf(ConfigSchema)].map(row).join('\n')}
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync('belay.example.yaml', renderExample())
  writeFileSync('docs/configuration.md', renderPage())
}
