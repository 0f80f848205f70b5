import { type Concern, concernsOf, type Neighbours } from './directives.ts'
import type { ToolAnnotations } from './event.ts'
import { wordsOf } from './vocabulary.ts'

/** One version of a tool's definition, as its server showed it. Texts are there where a PEP sent them. */
export interface Definition {
  readonly schemaSha?: string | undefined
  readonly descriptionSha?: string | undefined
  readonly description?: string | undefined
  readonly schema?: Readonly<Record<string, unknown>> | undefined
  readonly annotations?: ToolAnnotations | undefined
  /** version of the tool or of its server, where one is stated */
  readonly release?: string | undefined
}

export type ChangeKind =
  | 'directive'
  | 'parameter'
  | 'required'
  | 'enum'
  | 'loosened'
  | 'address'
  | 'annotation'
  | 'rewritten'
  | 'unexplained'
  | 'wording'

/** One difference between two versions, with how much it tells an attack from an update, nats. */
export interface Change {
  readonly kind: ChangeKind
  readonly nats: number
  readonly what: string
}

/** Where the sum of changes is no everyday update, nats. */
export const SUSPICIOUS_CHANGE_NATS = 4

const HOST = /https?:\/\/([a-z0-9.-]{3,253})|(?<![\w.])[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63})+)/gi
/** parameters that say where something goes, what is run or who one is */
const POWERFUL_PARAMETER =
  /(?:^|_)(?:url|uri|webhook|callback|endpoint|host|bcc|cc|recipient|forward|destination|proxy|command|cmd|shell|exec|script|code|eval|token|secret|password|credentials?|api_?key|sudo|admin|as_user|impersonate|run_as|on_behalf_of|bypass|force|skip_\w+|disable_\w+|no_\w+|unsafe|raw|override)(?:_|$)/
const POWERFUL_VALUE =
  /(?:^|[_ :./-])(?:delete|drop|exec|execute|admin|root|write|\*|all|sudo|shell|any|owner|force|raw|transfer|grant)(?:$|[_ :./-])/i

/** What is different in the later definition, strongest first. `neighbours`: tools that the texts may speak of. */
export function changesOf(before: Definition, after: Definition, neighbours?: Neighbours): readonly Change[] {
  const changes: Change[] = [
    ...directives(before, after, neighbours),
    ...schemaChanges(before.schema, after.schema),
    ...addresses(before, after),
    ...annotationChanges(before.annotations, after.annotations),
    ...wording(before, after),
  ]
  return changes.sort((a, b) => b.nats - a.nats || (a.what < b.what ? -1 : 1))
}

export function changeNats(changes: readonly Change[]): number {
  return changes.reduce((sum, { nats }) => sum + nats, 0)
}

/** Concerns that the later text has and the earlier one had not, or less. */
function directives(before: Definition, after: Definition, neighbours: Neighbours | undefined): Change[] {
  const known = new Map(concernsIn(before, neighbours).map((one) => [one.kind, one.nats]))
  return concernsIn(after, neighbours)
    .filter(({ kind, nats }) => nats > (known.get(kind) ?? 0))
    .map(({ kind, nats, quote }) => ({
      kind: 'directive',
      nats: nats - (known.get(kind) ?? 0),
      what: `new ${kind}: "${quote}"`,
    }))
}

function concernsIn({ description, schema }: Definition, neighbours: Neighbours | undefined): readonly Concern[] {
  return concernsOf({ name: '', description, schema }, neighbours)
}

type Schema = Readonly<Record<string, unknown>>

function schemaChanges(before: Schema | undefined, after: Schema | undefined): Change[] {
  if (before === undefined || after === undefined) return []
  const changes: Change[] = []
  const was = propertiesOf(before)
  const is = propertiesOf(after)
  const wasRequired = new Set(textsOf(before.required))
  for (const [name, property] of is) {
    const old = was.get(name)
    if (old === undefined) {
      const powerful =
        POWERFUL_PARAMETER.test(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()) ||
        textsOf(property.enum).some((value) => POWERFUL_VALUE.test(value))
      changes.push({ kind: 'parameter', nats: powerful ? 2.5 : 0.3, what: `new parameter \`${name}\`` })
    } else changes.push(...propertyChanges(name, old, property))
  }
  for (const name of textsOf(after.required))
    if (!wasRequired.has(name)) changes.push({ kind: 'required', nats: 1, what: `\`${name}\` is now required` })
  if (before.additionalProperties === false && after.additionalProperties !== false)
    changes.push({ kind: 'loosened', nats: 1.5, what: 'takes any further parameter' })
  return changes
}

function propertyChanges(name: string, before: Schema, after: Schema): Change[] {
  const changes: Change[] = []
  const was = new Set(textsOf(before.enum))
  const added = textsOf(after.enum).filter((value) => !was.has(value))
  if (was.size > 0 && added.length > 0)
    changes.push({
      kind: 'enum',
      nats: added.some((value) => POWERFUL_VALUE.test(value)) ? 2.5 : 0.3,
      what: `\`${name}\` also takes ${added.slice(0, 4).join(', ')}`,
    })
  if (was.size > 0 && after.enum === undefined)
    changes.push({ kind: 'loosened', nats: 2, what: `\`${name}\` takes anything, not a list of values` })
  for (const limit of ['pattern', 'maxLength', 'maximum', 'format'] as const)
    if (before[limit] !== undefined && after[limit] === undefined)
      changes.push({ kind: 'loosened', nats: 1, what: `\`${name}\` has lost its ${limit}` })
  if (before.default !== undefined && JSON.stringify(before.default) !== JSON.stringify(after.default))
    changes.push({ kind: 'loosened', nats: 1, what: `default of \`${name}\` changed` })
  return changes
}

function propertiesOf(schema: Schema): ReadonlyMap<string, Schema> {
  const { properties } = schema
  if (typeof properties !== 'object' || properties === null) return new Map()
  return new Map(
    Object.entries(properties).map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null ? (value as Schema) : {},
    ]),
  )
}

function textsOf(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((one): one is string => typeof one === 'string') : []
}

function addresses(before: Definition, after: Definition): Change[] {
  if (before.description === undefined || after.description === undefined) return []
  const known = hostsIn(before)
  return [...hostsIn(after)]
    .filter((host) => !known.has(host))
    .slice(0, 4)
    .map((host) => ({ kind: 'address', nats: 1.5, what: `names ${host}` }))
}

function hostsIn({ description = '', schema }: Definition): ReadonlySet<string> {
  const text = schema === undefined ? description : `${description} ${JSON.stringify(schema)}`
  return new Set([...text.matchAll(HOST)].map(([, url, mail]) => (url ?? mail ?? '').toLowerCase()))
}

function annotationChanges(before: ToolAnnotations | undefined, after: ToolAnnotations | undefined): Change[] {
  if (before === undefined || after === undefined) return []
  const changes: Change[] = []
  if (before.readOnlyHint === true && after.readOnlyHint !== true)
    changes.push({ kind: 'annotation', nats: 2, what: 'no longer claims to be read-only' })
  if (before.destructiveHint === false && after.destructiveHint === true)
    changes.push({ kind: 'annotation', nats: 2, what: 'claims to be destructive' })
  if (before.openWorldHint === false && after.openWorldHint === true)
    changes.push({ kind: 'annotation', nats: 1.5, what: 'claims to reach the outside' })
  return changes
}

/** Share of words in common below which a description was written anew. */
const REWRITTEN = 0.25

function wording(before: Definition, after: Definition): Change[] {
  if (before.description === undefined || after.description === undefined) {
    const stated = before.descriptionSha !== undefined || before.schemaSha !== undefined
    // Without texts a digest is all there is; a new release explains it, nothing else does.
    if (!stated || (before.release !== after.release && after.release !== undefined)) return []
    return [{ kind: 'unexplained', nats: SUSPICIOUS_CHANGE_NATS, what: 'other digest under the same release' }]
  }
  if (before.description === after.description) return []
  const unexplained = sameRelease(before, after)
  const alike = similarity(before.description, after.description)
  if (alike < REWRITTEN)
    return [
      ...unexplained,
      {
        kind: 'rewritten',
        nats: 1.5,
        what: `description written anew (${Math.round(alike * 100)} % of words in common)`,
      },
    ]
  return [
    ...unexplained,
    { kind: 'wording', nats: 0.2, what: `description reworded (${Math.round(alike * 100)} % of words in common)` },
  ]
}

/** A server that states its release and shows something else under it. */
function sameRelease(before: Definition, after: Definition): Change[] {
  if (after.release === undefined || before.release !== after.release) return []
  return [{ kind: 'unexplained', nats: 1, what: `changed under the same release ${after.release}` }]
}

/** Jaccard index of the words of two texts, 0..1; 1 for two empty ones. */
export function similarity(a: string, b: string): number {
  const left = new Set(wordsOf(a))
  const right = new Set(wordsOf(b))
  if (left.size === 0 && right.size === 0) return a === b ? 1 : 0
  let common = 0
  for (const word of left) if (right.has(word)) common++
  return common / (left.size + right.size - common)
}
