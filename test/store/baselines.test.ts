import { afterAll, beforeAll, expect, test } from 'vitest'
import { NO_CALIBRATION } from '../../src/baseline/empty.ts'
import { makeSnapshot, type SnapshotHead } from '../../src/baseline/snapshot.ts'
import { BaselineBook } from '../../src/run/parts/baselines.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS } from '../../src/testing/events.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

let store: Store
beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

test('a baseline of another key is refused and told once; its role counts as learning', async () => {
  const totals = { sessions: 50, agents: 2, calls: 90, days: 3, fromMs: 1, toMs: 2, timeZone: 'UTC' }
  const head = (role: string, refsKey: string): SnapshotHead => ({
    ...totals,
    tenant: 't',
    role,
    state: 'active',
    refsKey,
  })
  const told: string[] = []
  const book = new BaselineBook(store, 30, { refsKey: 'aaaaaaaa', refused: (_error, { role }) => told.push(role) })
  const snapshots = [head('mine', 'aaaaaaaa'), head('theirs', 'bbbbbbbb')].map((one) =>
    makeSnapshot(one, {}, NO_CALIBRATION),
  )
  await book.publish(snapshots, T0_MS)
  await book.refresh(T0_MS)
  expect(book.of('t', 'mine')?.state).toBe('active')
  expect(book.of('t', 'theirs')).toBeUndefined()
  expect(told).toEqual(['theirs'])
  expect(book.states()).toMatchObject({ active: 1, refused: 1 })
})
