import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ledger } from './ledger.ts'
import { type Assignment, Partitions } from './partitions.ts'

const assignment = (partition: number): Assignment => ({
  topic: 't',
  partition,
  origin: `kafka:t/${partition}`,
  next: 0,
  end: 0,
})
const message = (offset: number, bytes = 10) =>
  ({ offset: String(offset), value: Buffer.alloc(bytes) }) as Parameters<Partitions['add']>[2][number]

test('a commit never passes a batch that is not done, in whatever order batches end', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), (order) => {
      const one = assignment(0)
      const ledger = new Ledger()
      const entries = order.map((_, n) => ledger.begin(new Map([[one, (n + 1) * 10]])))
      const done = new Set<number>()
      let committed = '0'
      for (const n of order) {
        const entry = entries[n]
        if (entry !== undefined) ledger.done(entry)
        done.add(n)
        let contiguous = 0
        while (done.has(contiguous)) contiguous++
        committed = ledger.takeReady(() => true)[0]?.offset ?? committed
        expect(committed).toBe(String(contiguous * 10))
      }
    }),
  )
})

test('offsets of an assignment that no longer holds are not committed', () => {
  const ledger = new Ledger()
  const [lost, kept] = [assignment(0), assignment(1)]
  ledger.done(
    ledger.begin(
      new Map([
        [lost, 5],
        [kept, 7],
      ]),
    ),
  )
  expect(ledger.takeReady((one) => one === kept)).toEqual([{ topic: 't', partition: 1, offset: '7' }])
})

test('what waits is taken in order, bounded in count and bytes, and counted', () => {
  const partitions = new Partitions()
  partitions.assign('t', [0, 1])
  expect(partitions.takeRestarted()).toEqual(['kafka:t/0', 'kafka:t/1'])
  partitions.add('t', 0, [message(0), message(1), message(2, 100)], 5)
  partitions.add('t', 1, [message(0)], 1)
  expect(partitions.add('t', 2, [message(0)], 1)).toBe(false)
  const offsets = (count: number, bytes: number) =>
    partitions.take(count, bytes).map((one) => [one.assignment.partition, one.messages.map(({ offset }) => offset)])
  expect(offsets(2, 1000)).toEqual([[0, ['0', '1']]])
  expect([partitions.waiting, partitions.waitingBytes]).toEqual([2, 110])
  expect(offsets(10, 50)).toEqual([[0, ['2']]])
  expect(offsets(10, 50)).toEqual([[1, ['0']]])
  expect([partitions.waiting, partitions.waitingBytes, partitions.lag()]).toEqual([0, 0, 2])
})

test('a restarted partition loses what waits and its hold on earlier batches, others keep theirs', () => {
  const partitions = new Partitions()
  partitions.assign('t', [0, 1])
  partitions.takeRestarted()
  partitions.add('t', 0, [message(0)], 1)
  partitions.add('t', 1, [message(0)], 1)
  const [taken] = partitions.take(1, 1000)
  partitions.add('t', 0, [message(1)], 2)
  partitions.restart('t', 0)
  expect(taken !== undefined && partitions.isCurrent(taken.assignment)).toBe(false)
  expect(partitions.takeRestarted()).toEqual(['kafka:t/0'])
  expect(partitions.take(10, 1000).map((one) => one.assignment.partition)).toEqual([1])
})
