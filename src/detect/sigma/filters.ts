import type { DetectionRule, FilterRule, LogSource, Rule } from './ast.ts'
import type { RuleWarning } from './parse-context.ts'

/** A filter and one rule that it applies to. */
export interface Exception {
  readonly filter: FilterRule
  /** matches what the rule no longer does because of the filter */
  readonly silenced: DetectionRule
}

export interface Filtered {
  readonly rules: readonly Rule[]
  readonly exceptions: readonly Exception[]
}

/**
 * The rules with their filters in them: `rule and not filter`, since a filter's purpose is "to suppress matches". A
 * filter belongs to a rule that it names (by id or name, or `any`) and whose log source has everything the filter's
 * has. Filters that have expired, or belong to no rule, are told about.
 */
export function withFilters(
  rules: readonly Rule[],
  filters: readonly FilterRule[],
  nowMs: number | undefined,
  warnings: RuleWarning[],
): Filtered {
  const active = filters.filter((filter) => !isExpired(filter, nowMs, warnings))
  const used = new Set<FilterRule>()
  const exceptions: Exception[] = []
  const filtered = rules.map((rule): Rule => {
    if (rule.kind !== 'detection') return rule
    const own = active.filter((filter) => belongs(filter, rule))
    for (const filter of own) {
      used.add(filter)
      exceptions.push({
        filter,
        silenced: { ...rule, condition: { kind: 'and', of: [rule.condition, filter.condition] } },
      })
    }
    return own.length === 0 ? rule : withExceptions(rule, own)
  })
  for (const { position } of active.filter((filter) => !used.has(filter)))
    warnings.push({ position, message: 'the filter belongs to no loaded rule; check its `rules` and its `logsource`' })
  return { rules: filtered, exceptions }
}

function withExceptions(rule: DetectionRule, filters: readonly FilterRule[]): DetectionRule {
  const exceptions = filters.map(({ condition }) => ({ kind: 'not' as const, of: condition }))
  return { ...rule, condition: { kind: 'and', of: [rule.condition, ...exceptions] } }
}

function isExpired(filter: FilterRule, nowMs: number | undefined, warnings: RuleWarning[]): boolean {
  if (nowMs === undefined || filter.expiresMs === undefined || filter.expiresMs > nowMs) return false
  const message = 'the filter has expired and suppresses nothing; remove it, or give it a later `expires`'
  warnings.push({ position: filter.position, message })
  return true
}

function belongs(filter: FilterRule, rule: DetectionRule): boolean {
  const named =
    filter.rules === 'any' || filter.rules.some(({ reference }) => reference === rule.id || reference === rule.name)
  return named && covers(filter.logsource, rule.logsource)
}

/** What the wider log source does not say is any; what it says, the narrower one must say too. */
function covers(wider: LogSource, narrower: LogSource): boolean {
  return (['category', 'product', 'service'] as const).every(
    (key) => wider[key] === undefined || wider[key]?.toLowerCase() === narrower[key]?.toLowerCase(),
  )
}
