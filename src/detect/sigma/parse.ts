import type { RuleDocument } from './ast.ts'
import { RuleError } from './errors.ts'
import type { Context, ParseOptions, RuleWarning } from './parse-context.ts'
import { parseCorrelationRule } from './parse-correlation.ts'
import { parseDetectionRule } from './parse-detection.ts'
import { parseFilterRule } from './parse-filter.ts'
import { entryOf, readYaml, type YamlEntry, type YamlMap, type YamlNode } from './yaml.ts'

export interface ParsedFile {
  readonly documents: readonly RuleDocument[]
  readonly failed: readonly RuleError[]
  readonly warnings: readonly RuleWarning[]
}

/**
 * All documents of one file. One that cannot be read fails alone; the others are there. Collections: `action: global`
 * gives its keys to every later document, `reset` forgets them, `repeat` is the previous document with some keys
 * replaced (Sigma's rule collections, which specification 2 no longer describes and public rules still use).
 */
export function parseRules(text: string, file: string, options: ParseOptions): ParsedFile {
  const documents: RuleDocument[] = []
  const failed: RuleError[] = []
  const warnings: RuleWarning[] = []
  const context: Context = {
    ...options,
    warn: (position, message) => warnings.push({ position, message }),
  }
  const collection = new Collection()
  for (const node of readYaml(text, file)) {
    try {
      if (node instanceof RuleError) throw node
      const map = collection.next(node)
      if (map) documents.push(parseDocument(map, context))
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      failed.push(error)
    }
  }
  if (documents.length === 0 && failed.length === 0 && !collection.seen)
    failed.push(
      new RuleError({ file, line: 1 }, 'the file is empty; a rule needs a title, a logsource and a detection'),
    )
  return { documents, failed, warnings }
}

function parseDocument(map: YamlMap, context: Context): RuleDocument {
  const kinds = (['detection', 'correlation', 'filter'] as const).filter((kind) => entryOf(map, kind))
  const [kind, other] = kinds
  if (kind && other) {
    const position = entryOf(map, other)?.position ?? map.position
    throw new RuleError(position, `a document has a \`${kind}\` or a \`${other}\`, not both; divide them with \`---\``)
  }
  if (kind === 'correlation') return parseCorrelationRule(map, context)
  if (kind === 'filter') return parseFilterRule(map, context)
  return parseDetectionRule(map, context)
}

class Collection {
  seen = false
  private global: YamlMap | undefined
  private previous: YamlMap | undefined

  /** The document with what it inherits; undefined when it only changes what others inherit. */
  next(node: YamlNode): YamlMap | undefined {
    this.seen = true
    if (node.kind !== 'map')
      throw new RuleError(node.position, 'a rule is a map of keys such as title, logsource and detection')
    const action = entryOf(node, 'action')
    if (!action) return this.inherit(node)
    const rest: YamlMap = { ...node, entries: node.entries.filter((entry) => entry !== action) }
    switch (action.value.kind === 'scalar' ? action.value.text : '') {
      case 'global':
        this.global = rest
        return undefined
      case 'reset':
        this.global = undefined
        return rest.entries.length > 0 ? this.inherit(rest) : undefined
      case 'repeat':
        return this.repeat(rest, action)
      default:
        throw new RuleError(action.position, '`action` is global, reset or repeat')
    }
  }

  private inherit(document: YamlMap): YamlMap {
    this.previous = this.global ? merged(this.global, document) : document
    return this.previous
  }

  private repeat(document: YamlMap, action: YamlEntry): YamlMap {
    if (!this.previous) throw new RuleError(action.position, '`action: repeat` has no document before it to repeat')
    this.previous = merged(this.previous, document)
    return this.previous
  }
}

/** Maps are merged key by key, anything else is replaced. */
function merged(base: YamlMap, change: YamlMap): YamlMap {
  const entries = new Map(base.entries.map((entry) => [entry.key, entry]))
  for (const entry of change.entries) {
    const before = entries.get(entry.key)
    const both = before?.value.kind === 'map' && entry.value.kind === 'map'
    entries.set(entry.key, both ? { ...entry, value: merged(before.value as YamlMap, entry.value as YamlMap) } : entry)
  }
  return { ...change, entries: [...entries.values()] }
}
