import { expect, test } from 'vitest'
import { assembleProven } from './rule-exceptions.ts'

const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text) })
const RULE = file(
  'refund.yml',
  `title: Refund
name: refund
logsource: {category: agent_tool_event}
detection: {call: {tool.name: refund}, condition: call}
tests:
  - {name: one, match: true, event: {tool: {name: refund}, agent: {role: clerk}}}
`,
)
const exception = (role: string, more = 'owner: ana\nreason: agreed\nexpires: 2027-01-01\n') =>
  file(
    `${role}.yml`,
    `title: except ${role}\nlogsource: {category: agent_tool_event}
filter: {rules: [refund], who: {agent.role: '${role}'}, condition: who}\n${more}`,
  )

test('an exception that leaves the cases of its rule alone applies', () => {
  const { failed, warnings, filters, rules } = assembleProven([RULE, exception('desk')])
  expect({ failed, warnings, filters: filters.length, rules: rules.length }).toEqual({
    failed: [],
    warnings: [],
    filters: 1,
    rules: 1,
  })
})

test('one that silences a case is refused by name, and the others stay', () => {
  const { failed, filters } = assembleProven([RULE, exception('desk'), exception('clerk'), exception('*')])
  expect(failed.map(({ file: path }) => path)).toEqual(['clerk.yml', '*.yml'])
  expect(failed[0]?.message).toContain('refund')
  expect(filters.map(({ title }) => title)).toEqual(['except desk'])
})

test('one that nobody answers for, or that never ends, is told about', () => {
  const { failed, warnings } = assembleProven([RULE, exception('desk', 'owner: ana\n')])
  expect(failed).toEqual([])
  expect(warnings).toMatchObject([{ file: 'desk.yml', message: expect.stringContaining('no reason, expires') }])
})

test('a rule whose case does not hold anyway is not the exception’s fault', () => {
  const broken = file(
    'refund.yml',
    Buffer.from(RULE.bytes).toString().replace('event: {tool: {name: refund}', 'event: {tool: {name: other}'),
  )
  expect(assembleProven([broken, exception('desk')]).failed).toEqual([])
})
