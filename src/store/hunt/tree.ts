import { isExpected } from './functions.ts'
import type { GatedHunt } from './gate.ts'
import { HuntRefused } from './tokens.ts'

/**
 * Holds what the engine's own parser reads in a gated hunt (the lines of EXPLAIN AST) against what the gate has let
 * through: the same tables, no function where a table stands, no other function, and no name after IN but one from WITH.
 * Where the two would ever understand a statement differently, it is refused. Throws HuntRefused.
 */
export function checkTree(lines: readonly string[], { tables }: GatedHunt): void {
  const read: string[] = []
  for (const [at, line] of lines.entries()) {
    const { kind, name } = nodeOf(line)
    if (kind === 'TableIdentifier') read.push(name)
    if (kind === 'TableExpression' && !TABLES.has(nodeOf(lines[at + 1] ?? '').kind)) differ(line)
    if (kind === 'Function') {
      if (!isExpected(name)) differ(name)
      if (MEMBERSHIP.test(name)) checkMembers(lines, at)
    }
    if (!KNOWN.has(kind)) differ(kind)
  }
  if (read.sort().join() !== [...tables].sort().join()) differ(read.join(', '))
}

const TABLES: ReadonlySet<string> = new Set(['TableIdentifier', 'Subquery'])
const MEMBERSHIP = /^(?:global)?(?:not)?in$/i
/** Nodes that a SELECT is made of; whatever else there is was not meant. */
const KNOWN: ReadonlySet<string> = new Set(
  `SelectWithUnionQuery SelectIntersectExceptQuery ExpressionList SelectQuery WithElement Subquery TablesInSelectQuery
  TablesInSelectQueryElement TableExpression TableIdentifier TableJoin ArrayJoin Identifier Function Literal Asterisk
  QualifiedAsterisk ColumnsExceptTransformer ColumnsTransformerList OrderByElement WindowDefinition WindowListElement
  QueryParameter DataType NameTypePair InterpolateElement ColumnsReplaceTransformer StorageOrderByElement`
    .trim()
    .split(/\s+/),
)

/** The second argument of IN: a table where it is a bare name. */
function checkMembers(lines: readonly string[], at: number): void {
  const depth = depthOf(lines[at] ?? '')
  const members = []
  for (let next = at + 1; next < lines.length && depthOf(lines[next] ?? '') > depth; next++)
    if (depthOf(lines[next] ?? '') === depth + 2) members.push(nodeOf(lines[next] ?? ''))
  const second = members[1]
  if (second?.kind === 'Identifier' && !second.name.startsWith('cte_')) differ(second.name)
}

function nodeOf(line: string): { readonly kind: string; readonly name: string } {
  const [kind = '', name = ''] = line.trim().split(' ')
  return { kind, name }
}

function depthOf(line: string): number {
  return line.length - line.trimStart().length
}

function differ(what: string): never {
  throw new HuntRefused(`the engine reads something else in it than is meant (${what}); write it more plainly`, 0)
}
