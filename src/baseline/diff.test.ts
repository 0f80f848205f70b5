import fc from 'fast-check'
import { expect, it } from 'vitest'
import { profileRow } from '../testing/baseline.ts'
import { diffSnapshots } from './diff.ts'
import { NO_CALIBRATION } from './empty.ts'
import { makeSnapshot, type SnapshotHead } from './snapshot.ts'

const HEAD: SnapshotHead = {
  tenant: 'acme',
  role: 'clerk',
  state: 'active',
  sessions: 100,
  agents: 3,
  calls: 300,
  days: 5,
  fromMs: 1,
  toMs: 2,
  timeZone: 'UTC',
}
const snapshot = (use: Readonly<Record<string, number>>, head: Partial<SnapshotHead> = {}) =>
  makeSnapshot(
    { ...HEAD, ...head },
    { tools: Object.entries(use).map(([tool, n]) => profileRow('files', tool, n)) },
    NO_CALIBRATION,
  )

it('names what came, what went and what changed most', () => {
  const diff = diffSnapshots(snapshot({ read: 90, list: 10 }), snapshot({ read: 60, send: 40 }, { agents: 4 }))
  expect(diff.profiles).toMatchObject([{ profile: 'tools', added: 1, removed: 1 }])
  expect(diff.profiles[0]?.changes[0]).toEqual({ key: 'files', subkey: 'send', before: 0, after: 0.4 })
  expect(diff.head).toContainEqual({ what: 'agents', before: 3, after: 4 })
})
it('the same twice is no change, nothing in common is one bit', () => {
  expect(diffSnapshots(snapshot({ read: 9 }), snapshot({ read: 9 })).profiles[0]).toMatchObject({
    divergence: 0,
    changes: [],
  })
  expect(diffSnapshots(snapshot({ read: 9 }), snapshot({ send: 9 })).profiles[0]?.divergence).toBe(1)
})
it('is symmetric and between zero and one', () => {
  const use = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 100 }), { minKeys: 1 })
  fc.assert(
    fc.property(use, use, (one, other) => {
      const there = diffSnapshots(snapshot(one), snapshot(other)).profiles[0]?.divergence ?? 0
      const back = diffSnapshots(snapshot(other), snapshot(one)).profiles[0]?.divergence ?? 0
      expect(there).toBeCloseTo(back, 9)
      expect(there).toBeGreaterThanOrEqual(0)
      expect(there).toBeLessThanOrEqual(1)
    }),
  )
})
