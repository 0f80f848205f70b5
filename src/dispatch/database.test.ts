import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DispatchDatabase } from './database.ts'

describe('dispatch database', () => {
  let dir: string
  let db: DispatchDatabase
  const insert = (id: number) => db.sqlite.prepare('INSERT INTO row (id) VALUES (?)').run(id)
  const rows = () => db.sqlite.prepare('SELECT id FROM row ORDER BY id').all()
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'belay-database-'))
    db = new DispatchDatabase(join(dir, 'dispatch.db'))
    db.sqlite.exec('CREATE TABLE row (id INTEGER PRIMARY KEY)')
  })
  afterEach(() => {
    db.close()
    rmSync(dir, { recursive: true, force: true })
  })

  it('commits what one turn wrote, and gives each its result', async () => {
    const results = await Promise.all([1, 2, 3].map((id) => db.write(() => insert(id).changes + id, true)))
    expect(results).toEqual([2, 3, 4])
    expect(rows()).toHaveLength(3)
  })

  it('keeps the good writes of a group when one of them throws', async () => {
    const settled = await Promise.allSettled([
      db.write(() => insert(1), true),
      db.write(() => insert(1), true),
      db.write(() => insert(2), false),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(rows()).toHaveLength(2)
  })

  it('commits what still waits when it is closed', async () => {
    const written = db.write(() => insert(7), false)
    db.close()
    await written
    db = new DispatchDatabase(join(dir, 'dispatch.db'))
    expect(rows()).toHaveLength(1)
  })
})
