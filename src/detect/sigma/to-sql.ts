import type { DetectionRule, Expression, Rule } from './ast.ts'
import { isAgentLogSource } from './belay-fields.ts'
import type { ResolvedCorrelation } from './correlate-resolve.ts'
import { RuleError } from './errors.ts'
import { ARRIVAL, correlationSql, EVENT } from './to-sql-correlation.ts'
import { EventColumns } from './to-sql-fields.ts'
import { itemSql } from './to-sql-match.ts'
import { identifier, indented, joinedBy } from './to-sql-text.ts'

/** Parameters of the query: which part of history it reads. */
const FROM = "{from:DateTime64(3, 'UTC')}"
const TO = "{to:DateTime64(3, 'UTC')}"

/**
 * The events of the view `events` at which a rule matches, oldest first, as one SELECT. It says what the stream says of
 * events that come in the order of their time; of others it says what the stream would have said had they done so.
 * `correlations`: of all loaded rules, from resolveCorrelations. Throws RuleError for what has no exact SQL.
 */
export function toSql(rule: Rule, correlations: readonly ResolvedCorrelation[]): string {
  const query = new Query(correlations)
  const matches = query.matchesOf(rule, FROM)
  return `${query.parts()}SELECT time, ${EVENT}\nFROM (\n${indented(matches)}\n)\nORDER BY time, ${ARRIVAL}`
}

class Query {
  private readonly correlations: ReadonlyMap<Rule, ResolvedCorrelation>
  private readonly named = new Map<string, string>()

  constructor(correlations: readonly ResolvedCorrelation[]) {
    this.correlations = new Map(correlations.map((one) => [one.rule, one]))
  }

  /** What the query reads from, by name; empty when that is the table alone. */
  parts(): string {
    const parts = [...this.named].map(([name, sql]) => `${name} AS (\n${indented(sql)}\n)`)
    return parts.length === 0 ? '' : `WITH ${parts.join(',\n')}\n`
  }

  /** The matches of a rule with `time` at or after `since`: EVENT, time and ARRIVAL of each. */
  matchesOf(rule: Rule, since: string): string {
    const columns = new EventColumns(rule.position)
    if (rule.kind === 'detection') {
      const holds = detectionSql(rule, columns)
      const rows = rowsOf(columns, since)
      return `SELECT ${EVENT}, time, ${ARRIVAL}\nFROM (\n${indented(rows)}\n)\nWHERE ${holds}`
    }
    const resolved = this.correlations.get(rule)
    if (resolved === undefined) throw new RuleError(rule.position, 'has no SQL: it refers to a rule that is not loaded')
    const earlier = `${since} - toIntervalMillisecond(${rule.correlation.timespanMs})`
    const steps = resolved.steps.map((step) => {
      if (step.kind === 'detection') return detectionSql(step, columns)
      const matches = this.part(step.key, this.matchesOf(step, earlier))
      return `(${EVENT}) GLOBAL IN (SELECT ${EVENT} FROM ${matches})`
    })
    return correlationSql(resolved, {
      steps,
      columns,
      rows: () => rowsOf(columns, earlier),
      part: (name, sql) => this.part(`${rule.key}: ${name}`, sql),
      since,
      from: FROM,
    })
  }

  private part(wanted: string, sql: string): string {
    const name = wanted.replace(/[^\w:. -]/g, '_')
    for (let copy = 1; ; copy++) {
      const free = identifier(copy === 1 ? name : `${name} ${copy}`)
      if (this.named.has(free)) continue
      this.named.set(free, sql)
      return free
    }
  }
}

function rowsOf(columns: EventColumns, since: string): string {
  const wanted = `${EVENT}, time, ${ARRIVAL}`.split(', ')
  return columns.select(wanted, `FROM events\nWHERE time >= ${since} AND time < ${TO}`)
}

function detectionSql({ condition, logsource, position }: DetectionRule, columns: EventColumns): string {
  if (!isAgentLogSource(logsource))
    throw new RuleError(position, 'has no SQL: its log source is not that of the events in the store')
  return expressionSql(condition, columns)
}

function expressionSql(expression: Expression, columns: EventColumns): string {
  const all = (of: readonly Expression[]): readonly string[] => of.map((one) => expressionSql(one, columns))
  switch (expression.kind) {
    case 'item':
      return itemSql(expression, columns)
    case 'search':
      return expressionSql(expression.of, columns)
    case 'not':
      return `NOT (${expressionSql(expression.of, columns)})`
    case 'and':
      return joinedBy('AND', all(expression.of), '1')
    case 'or':
      return joinedBy('OR', all(expression.of), '0')
    case 'at-least':
      return `(${all(expression.of)
        .map((one) => `toUInt8(${one})`)
        .join(' + ')}) >= ${expression.count}`
  }
}
