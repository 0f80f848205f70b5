import type { Baseline, Calibration } from '../model/index.ts'
import { compileProfiles } from './profiles.ts'

export const NO_CALIBRATION: Calibration = {
  tails: {},
  alertNats: 1,
  thresholdNats: 1,
  containNats: 1,
  budget: 0,
  achieved: 0,
  sessions: 0,
}

/** The baseline of a role that nothing was learnt of: every profile answers, none is surprised. */
export function emptyBaseline(tenant: string, role: string): Baseline {
  return {
    tenant,
    role,
    version: 'none',
    state: 'learning',
    sessions: 0,
    agents: 0,
    days: 0,
    fromMs: 0,
    toMs: 0,
    calibration: NO_CALIBRATION,
    ...compileProfiles({}, { calls: 0, sessions: 0, agents: 0, timeZone: 'UTC' }),
  }
}
