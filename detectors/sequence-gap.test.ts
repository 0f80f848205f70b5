import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './sequence-gap.ts'

const numbered = (session: string, ...numbers: readonly number[]) =>
  numbers.map((seq) => toolEvent({ seq, session: { id: session } }))
const usual = ['a', 'b', 'c'].flatMap((session) => numbered(session, 0, 1, 2))
const told = (...numbers: readonly number[]) => run(detector, baselineOf({}), [...usual, ...numbered('d', ...numbers)])

it('numbers that never come are a signal that counts them', () => {
  const [signal] = told(0, 1, 2, 12, 13)
  expect(signal?.reasons[0]).toMatchObject({ observed: '9 missing before number 12' })
})

it('numbers out of order are none, and four missing are the edge', () => {
  expect(told(0, 2, 1, 4, 3, 5)).toEqual([])
  expect(told(0, 5)).toEqual([])
  expect(told(0, 6)).toHaveLength(1)
})

it('a PEP that numbers over all its sessions is not judged', () => {
  const mixed = [0, 3, 6, 9, 20, 40].flatMap((seq, i) => numbered(`s-${i % 3}`, seq))
  expect(run(detector, baselineOf({}), mixed)).toEqual([])
})
