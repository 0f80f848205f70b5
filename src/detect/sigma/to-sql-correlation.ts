import type { Comparison, Correlation, CountTest } from './ast.ts'
import { fieldsOfStep } from './correlate.ts'
import { holds, testsOf } from './correlate-conditions.ts'
import type { ResolvedCorrelation } from './correlate-resolve.ts'
import { RuleError } from './errors.ts'
import { decimalSql } from './to-sql-match.ts'
import { indented, joinedBy, number } from './to-sql-text.ts'

/** What a row of every query names an event by, and what puts the events of one time in the order of arrival. */
export const EVENT = 'tenant, agent_id, session_id, source, event_id'
export const ARRIVAL = 'received, origin, position'

/** The columns of one event that a correlation reads. */
export interface ScalarColumns {
  /** Nullable(String): the text of a field that holds one text, number or boolean */
  scalar(field: string): string
}

export interface CorrelationScan {
  /** by step: 1 where the rule matches the row */
  readonly steps: readonly string[]
  readonly columns: ScalarColumns
  /** the rows with those columns, once all are known */
  readonly rows: () => string
  /** names a part of the query so that the next can read from it */
  readonly part: (name: string, sql: string) => string
  /** from where on matches are wanted, and where the query begins: DateTime64(3) in SQL */
  readonly since: string
  readonly from: string
}

/** The events at which a correlation matches: a SELECT of EVENT, time and ARRIVAL. Throws RuleError. */
export function correlationSql({ rule, steps: rules }: ResolvedCorrelation, scan: CorrelationScan): string {
  const { correlation, position } = rule
  const count = countOf(correlation, position)
  const ordered = correlation.type === 'temporal_ordered'
  const hits = scan.part('hits', hitsSql(correlation, rules, scan))
  const { place, range } = placeOf(correlation.timespanMs, scan.from)
  // An event is not before itself: of the rules that match it, the later one comes first.
  const placed = scan.part(
    'placed',
    `SELECT *${ordered ? ', step' : ''}, row_number() OVER (
    PARTITION BY tenant, grp, time ORDER BY ${ARRIVAL}${ordered ? ', step DESC' : ''}
) AS turn, ${place} AS place
FROM ${hits}${ordered ? ' ARRAY JOIN arrayReverseSort(steps) AS step' : ''}`,
  )
  const counted = scan.part(
    'counted',
    `SELECT *, ${count} AS count
FROM ${placed}
WINDOW recent AS (PARTITION BY tenant, grp ORDER BY place RANGE BETWEEN ${range} PRECEDING AND CURRENT ROW)`,
  )
  return `SELECT ${EVENT}, time, ${ARRIVAL}
FROM ${counted}
WHERE ${testsSql(correlation)} AND time >= ${scan.since}${ordered ? ' AND step = arrayMin(steps)' : ''}
LIMIT 1 BY ${EVENT}`
}

/** Events of one millisecond that are told apart, per group. */
const TURNS = 16_384
/** ClickHouse takes no larger range. */
const MAX_RANGE = 2_147_483_646

/**
 * A window is a range of places: two a millisecond, and after each the turns of its events, in the order of arrival, as
 * a part of one. So the range ends before the turns of the millisecond before the timespan, and begins in no event's.
 */
function placeOf(timespanMs: number, from: string): { readonly place: string; readonly range: number } {
  const range = 2 * timespanMs + 1
  const sinceFrom = `toUnixTimestamp64Milli(time) - toUnixTimestamp64Milli(${from})`
  const place = `2 * (${sinceFrom}) + least(turn, ${TURNS - 1}) / ${TURNS}`
  return range <= MAX_RANGE ? { place, range } : { place: `(${place}) / ${range / MAX_RANGE}`, range: MAX_RANGE }
}

/** Each event once per group, with the rules that match it and the value that is looked at. */
function hitsSql(
  correlation: Correlation,
  rules: ResolvedCorrelation['steps'],
  { steps, columns, rows }: CorrelationScan,
): string {
  const { groupBy, aliases } = correlation
  const hits = rules.map((rule, step) => {
    const names = [correlation.rules[step]?.reference, rule.name, rule.id]
    const texts = fieldsOfStep(groupBy, aliases, names).map((field) => columns.scalar(field))
    const holds = joinedBy('AND', [steps[step] as string, ...texts.map(present)], '1')
    return `(toUInt16(${step}), ${arrayOf(texts)}, ${holds})`
  })
  const value = valueSql(correlation, columns)
  const where = value.present.length === 0 ? '' : `\nWHERE ${joinedBy('AND', value.present, '1')}`
  return `SELECT ${EVENT}, time, ${ARRIVAL}, hit.2 AS grp, groupUniqArray(hit.1) AS steps, any(${value.sql}) AS value
FROM (
${indented(rows())}
)
ARRAY JOIN arrayFilter(one -> one.3, [
${indented(hits.join(',\n'))}
]) AS hit${where}
GROUP BY ${EVENT}, time, ${ARRIVAL}, grp`
}

interface ValueSql {
  readonly sql: string
  /** what must hold for the event to take part */
  readonly present: readonly string[]
}

function valueSql(correlation: Correlation, columns: ScalarColumns): ValueSql {
  if (!('fields' in correlation)) return { sql: '0', present: [] }
  const texts = correlation.fields.map((field) => columns.scalar(field))
  if (!numeric(correlation)) return { sql: arrayOf(texts), present: texts.map(present) }
  const value = decimalSql(`ifNull(${texts[0]}, '')`)
  return { sql: `assumeNotNull(${value})`, present: [present(value)] }
}

function numeric(correlation: Correlation): boolean {
  const { type } = correlation
  return (
    type === 'value_sum' ||
    type === 'value_avg' ||
    ('percentile' in correlation && correlation.percentile !== undefined)
  )
}

function arrayOf(texts: readonly string[]): string {
  return texts.length === 0 ? 'emptyArrayString()' : `[${texts.map((text) => `ifNull(${text}, '')`).join(', ')}]`
}

function present(column: string): string {
  return `isNotNull(${column})`
}

/** What the condition is about, of the rows of the window `recent`. */
function countOf(correlation: Correlation, position: RuleError['position']): string {
  const over = 'OVER recent'
  switch (correlation.type) {
    case 'event_count':
      return `count() ${over}`
    case 'value_count':
      return `uniqExact(value) ${over}`
    case 'value_sum':
      return `sum(value) ${over}`
    case 'value_avg':
      return `avg(value) ${over}`
    case 'value_percentile': {
      if (correlation.percentile !== undefined)
        return `quantileExactInclusive(${number(correlation.percentile / 100)})(value) ${over}`
      // How often the value of the row itself is in the window.
      return `100 * arrayCount(one -> one = value, groupArray(value) ${over}) / count() ${over}`
    }
    case 'temporal':
      return `uniqExactArray(steps) ${over}`
    case 'temporal_ordered':
      return funnelOf(correlation, position)
  }
}

const MAX_FUNNEL = 32

function funnelOf(correlation: Correlation, position: RuleError['position']): string {
  const all = correlation.rules.length
  const tests = testsOf(correlation)
  const fewerWillDo = Array.from({ length: all }, (_, count) => count).some((count) => holds(tests, count))
  if (fewerWillDo || !holds(tests, all))
    throw new RuleError(
      position,
      'has no SQL: a temporal_ordered whose condition asks for fewer than all of its rules; leave the condition out, or write one correlation for each order that counts',
    )
  if (all > MAX_FUNNEL)
    throw new RuleError(
      position,
      `has no SQL: a temporal_ordered of more than ${MAX_FUNNEL} rules; chain two correlations`,
    )
  const conditions = Array.from({ length: all }, (_, step) => `step = ${step}`).join(', ')
  // Any length will do, as the window is no longer than the timespan.
  return `windowFunnel(${Number.MAX_SAFE_INTEGER})(toUInt64(toUnixTimestamp64Milli(time)) * ${TURNS} + least(turn, ${TURNS - 1}), ${conditions}) OVER recent`
}

const OPERATORS: Readonly<Record<Comparison | 'eq' | 'neq', string>> = {
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  eq: '=',
  neq: '!=',
}

function testsSql(correlation: Correlation): string {
  const one = ({ operator, value }: CountTest): string => `count ${OPERATORS[operator]} ${number(value)}`
  return joinedBy('AND', testsOf(correlation).map(one), '1')
}
