import fc from 'fast-check'
import { expect, test } from 'vitest'
import { columnsOf, itself, RowWriter, writeRows } from './rowbinary.ts'

function written(write: (to: RowWriter) => void): Buffer {
  const to = new RowWriter()
  write(to)
  return Buffer.from(to.bytes())
}

/** The format's own definition, read back byte by byte. */
function readString(bytes: Buffer): { readonly text: string; readonly used: number } {
  let length = 0
  let at = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++)
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  return { text: bytes.toString('utf8', at, at + length), used: at + length }
}

test('any text, short or long, keeps its characters and states its bytes', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.integer({ min: 0, max: 20_000 }).map((length) => 'é'.repeat(length)),
    fc.constantFrom('', 'a'.repeat(24), 'a'.repeat(25), 'a'.repeat(127), 'a'.repeat(128), 'a'.repeat(16_384)),
  )
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 10 }), (texts) => {
      let bytes = written((to) => {
        for (const text of texts) to.string(text)
      })
      for (const text of texts) {
        const read = readString(bytes)
        expect(read.text).toBe(Buffer.from(text).toString())
        bytes = bytes.subarray(read.used)
      }
      expect(bytes).toHaveLength(0)
    }),
  )
})

test('numbers out of range are the nearest that the column can hold', () => {
  const stored = (value: number) => written((to) => to.uint64(value)).readBigUInt64LE()
  expect([-1, 0.9, 2 ** 40 + 3, 1e300, Number.NaN].map(stored)).toEqual([
    0n,
    0n,
    2n ** 40n + 3n,
    BigInt(Number.MAX_SAFE_INTEGER),
    0n,
  ])
  expect(written((to) => to.uint16(99_999)).readUInt16LE()).toBe(65_535)
})

test('a missing value is not zero, a missing list is empty', () => {
  const kinds = columnsOf<{ bytes?: number; labels?: readonly string[] }>()
  const columns = [kinds.maybeUint64('bytes', (row) => row.bytes), kinds.words('labels', (row) => row.labels, itself)]
  const to = new RowWriter()
  writeRows(to, columns, [{}, { bytes: 0, labels: ['a'] }])
  expect([...to.bytes()]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 97])
})
