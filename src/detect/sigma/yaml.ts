import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml'
import type { Position } from './ast.ts'
import { RuleError } from './errors.ts'

/** YAML 1.2 (core schema) with the line each node begins on; aliases are resolved. */
export type YamlNode = YamlMap | YamlList | YamlScalar

export interface YamlMap {
  readonly kind: 'map'
  readonly position: Position
  readonly entries: readonly YamlEntry[]
}

export interface YamlEntry {
  readonly key: string
  readonly position: Position
  readonly value: YamlNode
}

export interface YamlList {
  readonly kind: 'list'
  readonly position: Position
  readonly items: readonly YamlNode[]
}

export interface YamlScalar {
  readonly kind: 'scalar'
  readonly position: Position
  readonly value: string | number | boolean | null
  /** as written, quotes and escapes resolved */
  readonly text: string
}

/** A rule file is a few kB; what is far beyond that is an accident or an attack (an alias can double a document). */
const MAX_NODES = 200_000
const MAX_DEPTH = 64

/** One outcome per document of the stream, in order; empty documents are left out. */
export function readYaml(text: string, file: string): readonly (YamlNode | RuleError)[] {
  const lines = new LineCounter()
  const at = (offset: number | undefined): Position => ({ file, line: Math.max(1, lines.linePos(offset ?? 0).line) })
  let documents: ReturnType<typeof parseAllDocuments>
  try {
    documents = parseAllDocuments(text, { lineCounter: lines, version: '1.2', uniqueKeys: true, logLevel: 'silent' })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return [new RuleError({ file, line: 1 }, 'this YAML is nested too deeply; a rule needs fewer than 64 levels')]
  }
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document): (YamlNode | RuleError)[] => {
    const [problem] = document.errors
    if (problem) return [new RuleError(at(problem.pos[0]), `this is not YAML: ${firstLine(problem.message)}`)]
    if (document.contents === null) return []
    try {
      return [new Reader(document, at).read(document.contents as Node, 0)]
    } catch (error) {
      if (error instanceof RuleError) return [error]
      throw error
    }
  })
}

class Reader {
  private nodes = 0
  private readonly document: { readonly anchors?: unknown }
  private readonly at: (offset: number | undefined) => Position

  constructor(document: object, at: (offset: number | undefined) => Position) {
    this.document = document
    this.at = at
  }

  read(node: unknown, depth: number): YamlNode {
    const position = this.at((node as Node | null)?.range?.[0])
    if (depth > MAX_DEPTH) throw new RuleError(position, `this is nested deeper than ${MAX_DEPTH} levels; flatten it`)
    if (++this.nodes > MAX_NODES) throw new RuleError(position, 'this document is too large; write aliases (*name) out')
    if (isAlias(node)) return this.read(node.resolve(this.document as never), depth + 1)
    if (isScalar(node)) return scalar(node.value, node.source, position)
    if (isSeq(node)) return { kind: 'list', position, items: node.items.map((item) => this.read(item, depth + 1)) }
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => this.entry(key, value, depth))
      return { kind: 'map', position, entries }
    }
    // an entry without a value (`key:` at the end of a map)
    return { kind: 'scalar', position, value: null, text: '' }
  }

  private entry(key: unknown, value: unknown, depth: number): YamlEntry {
    const name = this.read(key, depth + 1)
    if (name.kind !== 'scalar') throw new RuleError(name.position, 'a key must be plain text, not a list or a map')
    const node = this.read(value, depth + 1)
    return {
      key: name.text,
      position: name.position,
      value: value === null ? { ...node, position: name.position } : node,
    }
  }
}

function scalar(value: unknown, source: string | undefined, position: Position): YamlScalar {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'scalar', position, value, text: source ?? String(value ?? '') }
  // such as a date or a large integer that a tag asks for: its text is what counts
  return { kind: 'scalar', position, value: source ?? '', text: source ?? '' }
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message
}

export function entryOf(map: YamlMap, key: string): YamlEntry | undefined {
  return map.entries.find((entry) => entry.key === key)
}
