import type { Profiles } from '../../model/index.ts'
import type { ProfileRow } from '../profile.ts'
import type { ProfileRows } from '../profiles.ts'
import type { FoldRow } from './history.ts'
import type { LearnSettings } from './settings.ts'

/** Rows come ordered by profile, key and subkey, so those of one cell stand side by side. */
export function mergeFolds(rows: readonly FoldRow[], keep: (fold: number) => boolean): ProfileRows {
  const merged: Partial<Record<keyof Profiles, ProfileRow[]>> = {}
  let last:
    | { profile: string; key: string; subkey: string; events: number; sessions: number; agents: number }
    | undefined
  for (const { profile, key, subkey, fold, events, sessions, agents } of rows) {
    if (!keep(fold)) continue
    if (last?.profile === profile && last.key === key && last.subkey === subkey) {
      last.events += events
      last.sessions += sessions
      last.agents = Math.max(last.agents, agents)
      continue
    }
    last = { profile, key, subkey, events, sessions, agents }
    const list = merged[profile] ?? []
    list.push(last)
    merged[profile] = list
  }
  return merged
}

export function supported(rows: ProfileRows, settings: LearnSettings): ProfileRows {
  const { sessions, agents } = settings.minSupport
  if (sessions <= 1 && agents <= 1) return rows
  const kept: Partial<Record<keyof Profiles, readonly ProfileRow[]>> = {}
  for (const [profile, list] of Object.entries(rows))
    kept[profile as keyof Profiles] = list.filter((row) => row.sessions >= sessions && row.agents >= agents)
  return kept
}

/**
 * Rows that a share of the sessions taught, at the size that all of them would have: strengths grow with the history
 * behind them, so a smaller history would make every new session look stronger than what calibration has seen.
 */
export function enlarged(rows: ProfileRows, share: number): ProfileRows {
  if (share <= 0) return rows
  const larger: Partial<Record<keyof Profiles, readonly ProfileRow[]>> = {}
  for (const [profile, list] of Object.entries(rows))
    larger[profile as keyof Profiles] = list.map((row) => ({
      ...row,
      events: row.events / share,
      sessions: row.sessions / share,
    }))
  return larger
}
