import type { ProfileRow } from './profile.ts'
import { SeriesScorer } from './series/series-scorer.ts'

const HOUR_MS = 3_600_000
const HALF_HOURS = 2
/** hours at the end of the history in which a change is news; before them it has become what is usual */
const NEWS_HOURS = 48
/** strangeness of a change that is told: on simulated roles that do not change 0 to 4 % of runs reach it, on doubled ones 45 to 78 % */
const DRIFTED = 20

/**
 * Whether the role's volume has lately left what its own past lets expect: sessions per hour of its whole history, scored
 * one after the other. `rows` are those of the hours profile (half hours of UTC); history ends at `toMs`.
 */
export function hasDrifted(rows: readonly ProfileRow[], toMs: number): boolean {
  const perHour = new Map<number, number>()
  let first = Number.POSITIVE_INFINITY
  for (const { subkey, sessions } of rows) {
    const hour = Math.floor(Number(subkey) / HALF_HOURS)
    perHour.set(hour, (perHour.get(hour) ?? 0) + sessions)
    first = Math.min(first, hour)
  }
  const last = Math.floor(toMs / HOUR_MS)
  const scorer = new SeriesScorer()
  // The last hour may still be going on, and a part of an hour is less than an hour.
  for (let hour = first; hour < last; hour++) {
    const strangeness = scorer.score(perHour.get(hour) ?? 0, hour % 24)
    if (hour >= last - NEWS_HOURS && strangeness >= DRIFTED) return true
  }
  return false
}
