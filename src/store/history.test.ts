import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asJudged } from './history.ts'

const row = (origin: string, position: number, received_ms: number) => ({ origin, position, received_ms })

test('positions order an origin, also where its clock went backwards; receipt orders origins', () => {
  const rows = [row('a', 3, 50), row('b', 9, 60), row('a', 1, 10), row('a', 2, 70)]
  expect(asJudged(rows)).toEqual([row('a', 1, 10), row('b', 9, 60), row('a', 2, 70), row('a', 3, 50)])
})

test('whatever order rows come in, each origin is in its own order and nothing is lost', () => {
  const anyRow = fc.record({ origin: fc.constantFrom('a', 'b', 'c'), position: fc.nat(), received_ms: fc.nat(1000) })
  fc.assert(
    fc.property(fc.uniqueArray(anyRow, { selector: ({ origin, position }) => `${origin} ${position}` }), (rows) => {
      const judged = asJudged(rows)
      expect(judged).toHaveLength(rows.length)
      for (const origin of ['a', 'b', 'c']) {
        const positions = judged.filter((one) => one.origin === origin).map((one) => one.position)
        expect(positions).toEqual(positions.toSorted((a, b) => a - b))
      }
    }),
  )
})
