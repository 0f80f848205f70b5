import { describe, expect, it } from 'vitest'
import { SharedList } from './shared-list.ts'

const listOf = (...items: readonly string[]): SharedList =>
  items.reduce((list, item) => list.with(item), SharedList.EMPTY)

describe('a shared list', () => {
  it('is one object for all who have the same names in the same order', () => {
    expect(listOf('read', 'send')).toBe(listOf('read', 'send'))
    expect(listOf('read', 'send').items).toEqual(['read', 'send'])
  })

  it('is another one for another order, and leaves what it grew from as it was', () => {
    const read = listOf('read')
    expect(read.with('send')).not.toBe(listOf('send', 'read'))
    expect(read.items).toEqual(['read'])
    expect(SharedList.EMPTY.items).toEqual([])
  })

  it('is right, though no longer shared, when there were too many', () => {
    const kept = listOf('a', 'b')
    for (let i = 0; i <= 16_384; i++) SharedList.EMPTY.with(`tool-${i}`)
    expect(kept.with('c').items).toEqual(['a', 'b', 'c'])
    expect(listOf('a', 'b').items).toEqual(kept.items)
  })
})
