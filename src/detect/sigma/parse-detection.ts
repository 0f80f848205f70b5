import type { DetectionRule, Expression, Position } from './ast.ts'
import { parseCondition, type Searches } from './condition.ts'
import { RuleError } from './errors.ts'
import type { Context } from './parse-context.ts'
import { notes, parseLogSource, parseRuleHead } from './parse-head.ts'
import { keywords, parseItem } from './parse-item.ts'
import { mapOf, required } from './parse-values.ts'
import type { YamlEntry, YamlMap, YamlNode, YamlScalar } from './yaml.ts'

const DETECTION_HINT = 'give it a search such as `selection` and a `condition`'

export function parseDetectionRule(map: YamlMap, context: Context): DetectionRule {
  const head = parseRuleHead(map, context)
  const logsource = parseLogSource(map)
  const detection = mapOf(required(map, 'detection', DETECTION_HINT), DETECTION_HINT)
  return {
    kind: 'detection',
    ...head,
    logsource,
    fields: notes(map, 'fields', context),
    condition: parseSearches(detection, new Set(['condition', 'timeframe']), context),
  }
}

/** The searches of a `detection` or `filter` and their condition, as one tree. A list of conditions is joined by `or`. */
export function parseSearches(map: YamlMap, reserved: ReadonlySet<string>, context: Context): Expression {
  const timeframe = map.entries.find((entry) => entry.key === 'timeframe')
  if (timeframe && reserved.has('timeframe'))
    context.warn(timeframe.position, '`timeframe` has left Sigma and does nothing; write a correlation rule')
  const searches = new SearchMap(map, reserved, context)
  if (searches.names.length === 0) throw new RuleError(map.position, `there is no search; ${DETECTION_HINT}`)
  const conditions = conditionsOf(required(map, 'condition', 'say which searches must match, such as `selection`'))
  const of = conditions.map(({ text, position }) => parseCondition(text, searches, position))
  searches.warnOfUnused()
  const [only] = of
  return of.length === 1 && only ? only : { kind: 'or', of }
}

function conditionsOf({ value }: YamlEntry): readonly { readonly text: string; readonly position: Position }[] {
  const items = value.kind === 'list' ? value.items : [value]
  if (items.length === 0) throw new RuleError(value.position, '`condition` is an empty list; name a search')
  return items.map((item) => {
    if (item.kind === 'scalar' && item.value !== null) return { text: item.text, position: item.position }
    throw new RuleError(item.position, '`condition` must be text, such as `selection and not filter`')
  })
}

/** Searches are read when they are defined, so that a mistake in an unused one is still told. */
class SearchMap implements Searches {
  readonly names: readonly string[]
  private readonly context: Context
  private readonly map: YamlMap
  private readonly found = new Map<string, Expression>()
  private readonly unused = new Set<string>()

  constructor(map: YamlMap, reserved: ReadonlySet<string>, context: Context) {
    this.map = map
    this.context = context
    for (const { key, value } of map.entries) {
      if (reserved.has(key)) continue
      this.found.set(key, parseSearch(key, value, context))
      this.unused.add(key)
    }
    this.names = [...this.found.keys()]
  }

  get(name: string): Expression | undefined {
    return this.found.get(name)
  }

  used(name: string): void {
    this.unused.delete(name)
  }

  warnOfUnused(): void {
    for (const name of this.unused) {
      const position = this.map.entries.find((entry) => entry.key === name)?.position ?? this.map.position
      this.context.warn(position, `the condition does not use the search \`${name}\`; name it there or remove it`)
    }
  }
}

/** A map: all of its lines. A list: any of its maps, lists and keywords. A single value: a keyword. */
function parseSearch(name: string, node: YamlNode, context: Context): Expression {
  if (node.kind === 'scalar') {
    if (node.value === null) throw new RuleError(node.position, `the search \`${name}\` is empty; give it a field`)
    return keywords([node], context.placeholders)
  }
  if (node.kind === 'map') {
    if (node.entries.length === 0)
      throw new RuleError(node.position, `the search \`${name}\` is empty; give it a field and a value`)
    const of = node.entries.map(({ key, position, value }) => parseItem(key, position, value, context.placeholders))
    const [only] = of
    return of.length === 1 && only ? only : { kind: 'and', of }
  }
  if (node.items.length === 0) throw new RuleError(node.position, `the search \`${name}\` is an empty list`)
  const plain = node.items.filter((item): item is YamlScalar => item.kind === 'scalar')
  const rest = node.items.filter((item) => item.kind !== 'scalar').map((item) => parseSearch(name, item, context))
  const of = plain.length > 0 ? [keywords(plain, context.placeholders), ...rest] : rest
  const [only] = of
  return of.length === 1 && only ? only : { kind: 'or', of }
}
