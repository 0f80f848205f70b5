import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './risky-argument.ts'

const baseline = baselineOf({
  parameters: [
    profileRow('query', '#', 100),
    profileRow('query', '!wildcard:columns', 30),
    profileRow('query', '!operator:filter', 10),
  ],
})
const says = (args: Record<string, unknown>) => run(detector, baseline, [toolEvent({ tool: { name: 'query' }, args })])

it('a statement without a condition is a signal where queries have one', () => {
  const [signal] = says({ sql: 'SELECT * FROM customers' })
  expect(signal?.strength).toBeGreaterThan(4)
  expect(signal?.reasons.map(({ observed }) => observed)).toContain('a query without condition or limit')
})

it('a wildcard where wildcards are usual is none', () => {
  expect(says({ columns: '*' })).toEqual([])
  expect(says({ scope: '*' })).toHaveLength(1)
})

it('one time in ten is the edge', () => {
  expect(says({ filter: { age: { $gt: 3 } } })).toHaveLength(1)
})

it('a tool without history is not judged', () => {
  expect(run(detector, baselineOf({}), [toolEvent({ args: { scope: '*' } })])).toEqual([])
})
