import type { FilterRule, RuleReference } from './ast.ts'
import { RuleError } from './errors.ts'
import type { Context } from './parse-context.ts'
import { parseSearches } from './parse-detection.ts'
import { parseHead, parseLogSource } from './parse-head.ts'
import { mapOf, optionalText, required, textsOf } from './parse-values.ts'
import { entryOf, type YamlEntry, type YamlMap } from './yaml.ts'

const FILTER_HINT = 'give it `rules`, a `selection` and a `condition`'
const RULES_HINT = 'list the ids or names of the rules it belongs to, or write `any`'

export function parseFilterRule(map: YamlMap, context: Context): FilterRule {
  const head = parseHead(map)
  const filter = mapOf(required(map, 'filter', FILTER_HINT), FILTER_HINT)
  return {
    kind: 'filter',
    ...head,
    logsource: parseLogSource(map),
    rules: parseReferences(required(filter, 'rules', RULES_HINT)),
    condition: parseSearches(filter, new Set(['rules', 'condition']), context),
    ...(context.raw ? {} : parseException(map)),
  }
}

function parseReferences(entry: YamlEntry): 'any' | readonly RuleReference[] {
  if (entry.value.kind === 'scalar' && entry.value.text.toLowerCase() === 'any') return 'any'
  const references = textsOf(entry).map(({ text, position }) => ({ reference: text, position }))
  if (references.length === 0) throw new RuleError(entry.position, `\`rules\` is empty; ${RULES_HINT}`)
  return references
}

/** Belay's own keys of a filter: who answers for the exception, why, and until when. */
function parseException(map: YamlMap): Pick<FilterRule, 'owner' | 'reason' | 'expiresMs'> {
  const owner = optionalText(map, 'owner')
  const reason = optionalText(map, 'reason')
  const expires = optionalText(map, 'expires')
  const expiresMs = expires === undefined ? undefined : Date.parse(`${expires}T00:00:00Z`)
  if (Number.isNaN(expiresMs))
    throw new RuleError(entryOf(map, 'expires')?.position ?? map.position, '`expires` is a day, written YYYY-MM-DD')
  return {
    ...(owner === undefined ? {} : { owner }),
    ...(reason === undefined ? {} : { reason }),
    ...(expiresMs === undefined ? {} : { expiresMs }),
  }
}
