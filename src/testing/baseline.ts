import type { ProfileRow, Totals } from '../baseline/profile.ts'
import { compileProfiles, type ProfileRows } from '../baseline/profiles.ts'
import type { Baseline, Calibration } from '../model/index.ts'

export function profileRow(key: string, subkey: string, sessions: number, events = sessions): ProfileRow {
  return { key, subkey, events, sessions, agents: Math.min(sessions, 3) }
}

const TOTALS: Totals = { calls: 400, sessions: 100, agents: 3, timeZone: 'Europe/Berlin' }

/** An active baseline of 100 sessions, compiled from the rows that a test is about. */
export function baselineOf(rows: ProfileRows, calibration: Partial<Calibration> = {}): Baseline {
  return {
    tenant: 'default',
    role: 'tester',
    version: 'test',
    state: 'active',
    sessions: TOTALS.sessions,
    agents: TOTALS.agents,
    days: 20,
    fromMs: 0,
    toMs: 0,
    calibration: {
      tails: { '*': { strengths: [], events: TOTALS.calls } },
      alertNats: 3,
      thresholdNats: 4,
      containNats: 6,
      budget: 0.001,
      achieved: 0,
      sessions: TOTALS.sessions,
      ...calibration,
    },
    ...compileProfiles(rows, TOTALS),
  }
}
