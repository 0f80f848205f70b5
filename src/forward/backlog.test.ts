import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Backlog } from './backlog.ts'

describe('the backlog', () => {
  let folder: string
  let backlog: Backlog
  const open = (names: readonly string[], at = join(folder, 'forward.db')) => {
    backlog = new Backlog(at)
    backlog.open(names)
  }
  /** What a crash leaves on disk, under another name: the process still holds the file. */
  const reopen = (names: readonly string[]) => {
    const copy = join(folder, 'copy.db')
    for (const end of ['', '-wal']) copyFileSync(join(folder, `forward.db${end}`), `${copy}${end}`)
    backlog.close()
    open(names, copy)
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'belay-backlog-'))
    open(['a', 'b'])
  })
  afterEach(() => {
    backlog.close()
    rmSync(folder, { recursive: true })
  })
  const put = (...ids: readonly string[]) =>
    backlog.put(
      ids.map((id) => ({ id, body: `"${id}"` })),
      1_000,
    )
  const ids = (name: string, max = 10) => backlog.read(name, max, 1_000_000).map(({ id }) => id)

  it('keeps a notice once, in order, for each destination by itself, over a restart', () => {
    expect(put('1', '2', '3')).toBe(3)
    expect(put('2', '4')).toBe(1)
    backlog.pass('a', backlog.read('a', 2, 1_000_000).at(-1)?.seq ?? 0)
    reopen(['a', 'b'])
    expect(ids('a')).toEqual(['3', '4'])
    expect(ids('b')).toEqual(['1', '2', '3', '4'])
    expect(backlog.depth('b')).toEqual({ waiting: 4, oldestMs: 1_000, dead: 0 })
    expect(put('1', '4')).toBe(0)
  })

  it('knows what it has sent when it is put again, though it is deleted', () => {
    put('1', '2')
    for (const name of ['a', 'b']) backlog.pass(name, 2)
    expect(put('1', '2')).toBe(0)
    expect(backlog.depth('a')).toEqual({ waiting: 0, dead: 0 })
    put('3')
    expect(ids('a')).toEqual(['3'])
  })

  it('reads at most so many, and about so many bytes', () => {
    put('1', '2', '3')
    expect(ids('a', 2)).toEqual(['1', '2'])
    expect(backlog.read('a', 10, 4)).toHaveLength(2)
  })

  it('starts a new destination with what comes from then on, and forgets one that is gone', () => {
    put('1')
    reopen(['a', 'c'])
    put('2')
    expect(ids('c')).toEqual(['2'])
    expect(ids('a')).toEqual(['1', '2'])
    backlog.pass('a', 2)
    backlog.pass('c', 2)
    expect(backlog.depth('a').waiting).toBe(0)
  })

  it('gives up what is too old, and says how much of it', () => {
    put('1', '2')
    backlog.pass('a', 1)
    backlog.put([{ id: '3', body: '{}' }], 5_000)
    expect(backlog.expire(2_000)).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
    expect(ids('a')).toEqual(['3'])
  })

  it('is one process’s: a second one is refused', () => {
    put('1')
    expect(() => new Backlog(join(folder, 'forward.db'))).toThrow(/locked/)
  })
})
