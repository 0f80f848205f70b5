import { describe, expect, it } from 'vitest'
import type { LeaseChange } from '../model/index.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { lease } from '../testing/orders.ts'
import { History } from './history.ts'

const change = (atMs: number): LeaseChange => ({ lease: lease(), atMs })
const times = (changes: readonly LeaseChange[]) => changes.map(({ atMs }) => atMs)

class Book {
  readonly clock = new ManualClock()
  readonly written: LeaseChange[] = []
  readonly errors: unknown[] = []
  dropped = 0
  refuse = false
  writes = 0
  readonly history = new History(
    async (changes) => {
      this.writes++
      if (this.refuse) throw new Error('the store is away')
      this.written.push(...changes)
    },
    this.clock,
    {
      changed: () => undefined,
      historyDropped: (changes) => {
        this.dropped += changes
      },
      failed: (_doing, error) => this.errors.push(error),
    },
  )
}

describe('history', () => {
  it('writes what gathered in one go, in its order', async () => {
    const book = new Book()
    for (const atMs of [1, 2, 3]) book.history.add(change(atMs))
    book.clock.advance(50)
    await book.history.flush()
    expect([book.writes, times(book.written)]).toEqual([1, [1, 2, 3]])
  })

  it('writes again what the store refused, once, in its order', async () => {
    const book = new Book()
    book.refuse = true
    book.history.add(change(1))
    book.clock.advance(50)
    await book.history.flush()
    book.refuse = false
    book.history.add(change(2))
    await book.history.flush()
    expect(times(book.written)).toEqual([1, 2])
    expect(book.errors.length).toBeGreaterThan(0)
  })

  it('stays bounded while the store is away, drops the oldest and says how many', async () => {
    const book = new Book()
    book.refuse = true
    for (let atMs = 0; atMs < 20_010; atMs++) book.history.add(change(atMs))
    expect(book.dropped).toBe(10)
    book.refuse = false
    await book.history.flush()
    expect(book.written).toHaveLength(20_000)
    expect(book.written[0]?.atMs).toBe(10)
  })
})
