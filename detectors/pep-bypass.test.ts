import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './pep-bypass.ts'

const asked = (count: number) =>
  Array.from({ length: count }, () => toolEvent({ decision: { action: 'allow', origin: 'query' } }))

it('a PEP that asked and fails open now is told, once', () => {
  const open = () => toolEvent({ decision: { action: 'allow', origin: 'fail-open' } })
  const [signal, ...more] = run(detector, baselineOf({}), [...asked(60), open(), open()])
  expect(signal?.reasons[0]).toMatchObject({ observed: 'fail-open' })
  expect(more).toEqual([])
})

it('a PEP that goes on asking, or never asked, is none', () => {
  expect(run(detector, baselineOf({}), asked(80))).toEqual([])
  expect(
    run(
      detector,
      baselineOf({}),
      Array.from({ length: 80 }, () => toolEvent()),
    ),
  ).toEqual([])
})

it('too few decisions to know are the edge', () => {
  expect(run(detector, baselineOf({}), [...asked(49), toolEvent()])).toEqual([])
  expect(run(detector, baselineOf({}), [...asked(50), toolEvent()])).toHaveLength(1)
})
