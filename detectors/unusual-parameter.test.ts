import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './unusual-parameter.ts'

const baseline = baselineOf({
  parameters: [profileRow('get', '#', 100), profileRow('get', 'id=text:2:id', 96), profileRow('get', 'id=number:2', 4)],
})
const says = (args: Record<string, unknown>) => run(detector, baseline, [toolEvent({ tool: { name: 'get' }, args })])

it('an argument that is never given is a signal', () => {
  const [signal] = says({ id: 'T-1234', export: true })
  expect(signal?.reasons[0]).toMatchObject({ what: 'argument export of `get`', expected: 'not given at all' })
})
it('a value of another kind and size is a signal', () => {
  const [signal] = says({ id: 'everything there is, in one long sentence that goes on' })
  expect(signal?.reasons[0]?.expected).toBe('usually text:2:id')
})
it('the usual shape is none', () => {
  expect(says({ id: 'T-9876' })).toEqual([])
})
it('four times in a hundred is the edge: rare, signalled once it is rarer than one in twenty', () => {
  expect(says({ id: 7 })).toHaveLength(1)
})
it('a tool that is not known is not judged', () => {
  expect(run(detector, baselineOf({}), [toolEvent({ args: { a: 1 } })])).toEqual([])
})
