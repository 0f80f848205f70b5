import { describe, expect, it } from 'vitest'
import type { Ref } from './event.ts'
import { fitColumns, storedEvent } from './stored-refs.ts'

const ref: Ref = { in: 'result', kind: 'email', fp: 'a1b2c3d4e5f60718' }
const text = (refs?: readonly Ref[]): string => JSON.stringify({ id: 'e', data: { op: 'tools/call', refs } })

describe('refs whose columns tell all of them', () => {
  it('fit', () => {
    expect(fitColumns([ref, { ...ref, untrusted: true, imperative: true }])).toBe(true)
  })
  it('come back as they were', () => {
    const { data } = storedEvent(text(), [
      ['result', 'email', 'a1b2c3d4e5f60718', true, false],
      ['args', 'url', 'ff', false, true],
    ])
    expect(data.refs).toEqual([
      { ...ref, untrusted: true },
      { in: 'args', kind: 'url', fp: 'ff', imperative: true },
    ])
  })
})

describe('refs that say more', () => {
  it('do not fit: trusted by the PEP, with a member of its own, or an empty list', () => {
    expect(fitColumns([{ ...ref, untrusted: false }])).toBe(false)
    expect(fitColumns([ref, { ...ref, imperative: false }])).toBe(false)
    expect(fitColumns([{ ...ref, note: 'x' } as Ref])).toBe(false)
    expect(fitColumns([])).toBe(false)
  })
  it('are those of the text', () => {
    const own = [{ ...ref, untrusted: false }]
    expect(storedEvent(text(own), [['result', 'email', 'a1b2c3d4e5f60718', false, false]]).data.refs).toEqual(own)
    expect(storedEvent(text(), []).data.refs).toBeUndefined()
  })
})
