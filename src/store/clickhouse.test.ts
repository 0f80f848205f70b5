import { expect, test } from 'vitest'
import { findingOf, judgedCalls } from '../testing/judged.ts'
import { ClickHouseStore, type Lanes } from './clickhouse.ts'

test('a write that is cut short leaves no event without its finding and its dead letters', async () => {
  const inserted: string[] = []
  const rows = {
    async insert(table: string) {
      if (inserted.length === 2) throw new Error('killed here')
      inserted.push(table)
    },
    close: () => undefined,
  }
  const hunts = { run: async () => new Uint8Array(), close: async () => undefined }
  const retention = { eventDays: 1, findingDays: 1 }
  const store = new ClickHouseStore({ lanes: {} as Lanes, rows, hunts, retention, prepare: async () => {} })
  const [first, ...others] = judgedCalls(1)
  if (first === undefined) throw new Error('no event was made')
  const judged = [{ ...first, verdict: { ...first.verdict, findings: [findingOf(first)] } }, ...others]
  const bytes = new Uint8Array()
  const letter = { origin: 'o', position: 1, reason: 'json', error: 'no', receivedMs: 0, attempts: 1, bytes } as const
  await expect(store.write(judged, [letter])).rejects.toThrow('killed here')
  // Sent again, an event that is stored is a duplicate: what was not stored with it would never be.
  expect(inserted).toEqual(['finding_revision_rows', 'dead_letter_rows'])
})
