import { daysToLearn, learnStretch, stretchesOf } from './learn/days.ts'
import { learntRoles } from './learn/history.ts'
import { LEARN_DEFAULTS, type LearnInput } from './learn/settings.ts'
import { snapshotOf } from './learn/snapshots.ts'
import type { Snapshot } from './snapshot.ts'

export { type FleetHistory, readFleets } from './learn/fleet.ts'
export type { LearnInput, LearnSettings } from './learn/settings.ts'

/**
 * The learn job. Days that are not learnt yet, the last two (which may still have changed) and those of sessions that
 * were cleared since are aggregated into profile rows; then every role's rows are compiled, calibrated and returned as
 * snapshots. Only one may run at a time; broken off, it leaves nothing that counts.
 */
export async function learnFromStore(input: LearnInput): Promise<readonly Snapshot[]> {
  const settings = { ...LEARN_DEFAULTS, ...input.settings }
  const { only } = input
  const days = await daysToLearn(input, settings)
  const stretches = stretchesOf(only === undefined ? days : days.filter(({ tenant }) => tenant === only.tenant))
  let done = 0
  for (const stretch of stretches) {
    input.progress?.(done++, stretches.length, `${stretch.tenant} ${stretch.days[0]}`)
    await learnStretch(input, settings, stretch)
  }
  const roles = await learntRoles(input, settings)
  const snapshots: Snapshot[] = []
  for (const head of roles) {
    if (only !== undefined && (head.tenant !== only.tenant || head.role !== only.role)) continue
    input.progress?.(snapshots.length, roles.length, `${head.tenant} ${head.role}`)
    snapshots.push(await snapshotOf(input, settings, head, roles))
  }
  return snapshots
}
