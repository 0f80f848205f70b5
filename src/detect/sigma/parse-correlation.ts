import type { Alias, Correlation, CorrelationRule, CountTest, RuleReference } from './ast.ts'
import { RuleError } from './errors.ts'
import type { Context } from './parse-context.ts'
import { parseRuleHead } from './parse-head.ts'
import { durationMs, mapOf, oneOf, readNumber, required, textOf, texts, textsOf } from './parse-values.ts'
import { entryOf, type YamlEntry, type YamlMap } from './yaml.ts'

const TYPES = [
  'event_count',
  'value_count',
  'value_sum',
  'value_avg',
  'value_percentile',
  'temporal',
  'temporal_ordered',
] as const
const OPERATORS = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const

const CORRELATION_HINT = 'give it a `type`, `rules`, `group-by`, a `timespan` and a `condition`'
const RULES_HINT = 'list the ids or names of the rules it counts'
const TIMESPAN_HINT = 'write a number and s, m, h or d, such as 15m'
const CONDITION_HINT = 'write a comparison such as `gte: 10`'

export function parseCorrelationRule(map: YamlMap, context: Context): CorrelationRule {
  const head = parseRuleHead(map, context)
  const entry = required(map, 'correlation', CORRELATION_HINT)
  const correlation = mapOf(entry, CORRELATION_HINT)
  return {
    kind: 'correlation',
    ...head,
    correlation: parseCorrelation(correlation),
    generate: parseGenerate(map) || parseGenerate(correlation),
  }
}

function parseCorrelation(map: YamlMap): Correlation {
  required(map, 'type', `it is one of ${TYPES.join(', ')}`)
  const type = oneOf(map, 'type', TYPES) ?? 'event_count'
  const base = {
    rules: parseReferences(required(map, 'rules', RULES_HINT)),
    groupBy: texts(map, 'group-by'),
    aliases: parseAliases(map),
    timespanMs: parseTimespan(required(map, 'timespan', TIMESPAN_HINT)),
  }
  const entry = entryOf(map, 'condition')
  if (type === 'temporal' || type === 'temporal_ordered')
    return { type, ...base, condition: entry ? parseTests(mapOf(entry, CONDITION_HINT), []) : [] }
  const condition = mapOf(required(map, 'condition', CONDITION_HINT), CONDITION_HINT)
  if (type === 'event_count') return { type, ...base, condition: parseTests(condition, []) }
  const field = required(condition, 'field', `a ${type} needs the field it works on`)
  const fields = textsOf(field).map((one) => one.text)
  if (fields.length === 0 || (fields.length > 1 && type !== 'value_count'))
    throw new RuleError(field.position, `\`field\` of a ${type} is one field`)
  const percentile = type === 'value_percentile' ? parsePercentile(condition) : undefined
  return {
    type,
    ...base,
    fields,
    condition: parseTests(condition, type === 'value_percentile' ? ['field', 'percentile'] : ['field']),
    ...(percentile === undefined ? {} : { percentile }),
  }
}

function parseReferences(entry: YamlEntry): readonly RuleReference[] {
  const references = textsOf(entry).map(({ text, position }) => ({ reference: text, position }))
  if (references.length === 0) throw new RuleError(entry.position, `\`rules\` is empty; ${RULES_HINT}`)
  return references
}

function parseTimespan(entry: YamlEntry): number {
  const text = textOf(entry)
  const ms = durationMs(text)
  if (ms === undefined) throw new RuleError(entry.position, `\`timespan\` is \`${text}\`; ${TIMESPAN_HINT}`)
  return ms
}

function parseAliases(map: YamlMap): readonly Alias[] {
  const entry = entryOf(map, 'aliases')
  if (!entry) return []
  return mapOf(entry, 'write `alias: {rule name: field}`').entries.map((alias) => ({
    name: alias.key,
    fields: mapOf(alias, 'write `rule name: field` for each rule').entries.map((one) => ({
      rule: one.key,
      field: textOf(one),
    })),
  }))
}

function parseTests(map: YamlMap, others: readonly string[]): readonly CountTest[] {
  const tests = map.entries
    .filter((entry) => !others.includes(entry.key))
    .map((entry): CountTest => {
      const operator = OPERATORS.find((one) => one === entry.key)
      if (!operator)
        throw new RuleError(entry.position, `\`${entry.key}\` is no comparison; they are ${OPERATORS.join(', ')}`)
      return { operator, value: numberOf(entry) }
    })
  if (tests.length === 0) throw new RuleError(map.position, `\`condition\` compares nothing; ${CONDITION_HINT}`)
  return tests
}

function parsePercentile(map: YamlMap): number | undefined {
  const entry = entryOf(map, 'percentile')
  if (!entry) return undefined
  const value = numberOf(entry)
  if (value >= 0 && value <= 100) return value
  throw new RuleError(entry.position, '`percentile` is a number from 0 to 100')
}

function numberOf(entry: YamlEntry): number {
  const value = readNumber(textOf(entry))
  if (value === undefined) throw new RuleError(entry.position, `\`${entry.key}\` must be a number`)
  return value
}

function parseGenerate(map: YamlMap): boolean {
  const entry = entryOf(map, 'generate')
  if (!entry) return false
  if (entry.value.kind === 'scalar' && typeof entry.value.value === 'boolean') return entry.value.value
  throw new RuleError(entry.position, '`generate` is true or false')
}
