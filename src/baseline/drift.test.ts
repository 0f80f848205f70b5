import { describe, expect, it } from 'vitest'
import { seeded } from '../../scripts/fixtures/world.ts'
import { hasDrifted } from './drift.ts'
import type { ProfileRow } from './profile.ts'

const DAYS = 40
/** Monday 2026-09-07 00:00 UTC, in half hours since the epoch */
const FIRST = Date.UTC(2026, 8, 7) / 1_800_000
const TO_MS = Date.UTC(2026, 8, 7 + DAYS)

/** Office hours of a role with about ten sessions in each half hour; `times` as many from a day on. */
function historyOf(seed: number, fromDay: number, times: number): readonly ProfileRow[] {
  const random = seeded(seed)
  const rows: ProfileRow[] = []
  for (let day = 0; day < DAYS; day++)
    for (let half = 16; half < 36; half++) {
      const usual = random.int(7, 13)
      const sessions = day % 7 < 5 ? Math.round(usual * (day >= fromDay ? times : 1)) : 0
      const subkey = String(FIRST + day * 48 + half)
      if (sessions > 0) rows.push({ key: 'half-hour', subkey, events: sessions, sessions, agents: 3 })
    }
  return rows
}

describe('drift of a role', () => {
  const share = (fromDay: number, times: number): number =>
    Array.from({ length: 20 }, (_, seed) => hasDrifted(historyOf(seed, fromDay, times), TO_MS)).filter(Boolean).length /
    20

  it('a role that works as ever has not drifted', () => {
    expect(share(DAYS, 1)).toBeLessThanOrEqual(0.05)
  })

  it('one that does three times as much since yesterday has', () => {
    expect(share(DAYS - 2, 3)).toBe(1)
  })

  it('one that has done so for two weeks has another habit by now', () => {
    expect(share(DAYS - 16, 3)).toBeLessThanOrEqual(0.05)
  })

  it('no history and a short one have not', () => {
    expect(hasDrifted([], TO_MS)).toBe(false)
    expect(hasDrifted(historyOf(1, 3, 9).slice(0, 80), Date.UTC(2026, 8, 11))).toBe(false)
  })
})
