import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable, table } from './table.ts'

test('columns are aligned, and nothing is said in words', () => {
  const columns = [
    { title: 'A', of: (row: readonly string[]) => row[0] },
    { title: 'B', of: (row: readonly string[]) => row[1] },
  ]
  expect(
    table(
      [
        ['long', '1'],
        ['x', '2'],
      ],
      columns,
      'none',
    ),
  ).toBe('A     B\nlong  1\nx     2')
  expect(table([], columns, 'none')).toBe('none')
})

test('a name from a stranger cannot command the terminal', () => {
  expect(printable('\u001b]0;owned\u0007\u202egpj.exe')).toBe('·]0;owned··gpj.exe')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      expect(printable(name)).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }),
  )
})
