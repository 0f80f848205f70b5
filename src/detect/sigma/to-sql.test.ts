import { expect, test } from 'vitest'
import { resolveCorrelations } from './correlate-resolve.ts'
import { assembleRules } from './load.ts'
import { toSql } from './to-sql.ts'

/** That the queries say what the stream says is held by test/store/sigma-sql.test.ts, in a real engine. */

const READ = `
title: Reads
name: reads
logsource: { category: agent_tool_event }
detection: { it: { tool.name: read_file }, condition: it }`

const SENT = `
title: Sends
name: sends
logsource: { category: agent_tool_event }
detection: { it: { args.to|contains: "it's" }, condition: it }`

function correlation(body: string): string {
  return `
title: Both
name: both
correlation:
  rules: [reads, sends]
  group-by: [session.id]
  timespan: 5m
${body}`
}

/** The query of the last document, or why there is none. */
function sqlOf(...documents: readonly string[]): string {
  const bytes = new TextEncoder().encode(documents.join('\n---\n'))
  const { rules, failed } = assembleRules([{ path: 'test.yml', bytes }])
  expect(failed).toEqual([])
  const rule = rules.at(-1)
  if (rule === undefined) throw new Error('there is a rule')
  try {
    return toSql(rule, resolveCorrelations(rules).correlations)
  } catch (error) {
    return `refused: ${error instanceof Error ? error.message : String(error)}`
  }
}

test('a field that has a column is read from it, and nothing else is', () => {
  const sql = sqlOf(READ)
  expect(sql).toContain('toString(tool)')
  expect(sql).not.toContain('event data')
  expect(sql).toContain("time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}")
})

test('what a rule says reaches the query only as a literal', () => {
  expect(sqlOf(SENT)).toContain("multiSearchAny(x, ['it\\'s'])")
})

test('an order is a funnel over the timespan, which is read before `from` too', () => {
  const sql = sqlOf(READ, SENT, correlation('  type: temporal_ordered'))
  expect(sql).toMatch(/windowFunnel\(\d+\)\(.+, step = 0, step = 1\) OVER recent/)
  expect(sql).toContain('RANGE BETWEEN 600001 PRECEDING AND CURRENT ROW')
  expect(sql).toContain('- toIntervalMillisecond(300000)')
})

test.each([
  [
    'a field that is not stored',
    [READ.replace('tool.name: read_file', 'session.risk|gte: 0.5')],
    'session.risk is not stored with the event',
  ],
  [
    'an order that some of its rules can make',
    [READ, SENT, correlation('  type: temporal_ordered\n  condition: { gte: 1 }')],
    'a temporal_ordered whose condition asks for fewer than all of its rules',
  ],
  ['another log source', [READ.replace('agent_tool_event', 'process_creation')], 'its log source is not that of'],
])('refuses %s, and says so', (_, documents, reason) => {
  expect(sqlOf(...documents)).toMatch(/^refused: has no SQL: /)
  expect(sqlOf(...documents)).toContain(reason)
})
