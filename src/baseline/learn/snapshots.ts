import type { Baseline, Suspect } from '../../model/index.ts'
import { compileCombination, learnCombination, type PackedCombination } from '../combination.ts'
import { hasDrifted } from '../drift.ts'
import { NO_CALIBRATION } from '../empty.ts'
import { compileProfiles, type ProfileRows } from '../profiles.ts'
import { makeSnapshot, type Snapshot, type SnapshotHead } from '../snapshot.ts'
import { type RoleHead, readRows, readSessions } from './history.ts'
import { enlarged, mergeFolds, supported } from './rows.ts'
import type { LearnInput, LearnSettings } from './settings.ts'
import { isSuspect, suspectsOf, withoutSuspects } from './suspects.ts'

const FOLDS = [0, 1, 2, 3] as const

export async function snapshotOf(
  input: LearnInput,
  settings: LearnSettings,
  own: RoleHead,
  roles: readonly RoleHead[],
): Promise<Snapshot> {
  const enough = (head: RoleHead): boolean => head.sessions >= settings.minSessions && head.agents >= settings.minAgents
  const parentRole = enough(own) ? undefined : settings.parentOf(own.tenant, own.role)
  const parent = roles.find((head) => head.tenant === own.tenant && head.role === parentRole && enough(head))
  const learntFrom = parent === undefined ? [own] : [own, parent]
  const learnt = {
    ...joined(own, parent, settings, enough(own) || parent !== undefined),
    ...(input.refsKey !== undefined && { refsKey: input.refsKey }),
  }
  const isWatched = settings.withholdSuspects && learnt.state === 'active'
  const suspects = isWatched ? await suspectsOf(input, settings, own) : []
  const byFold = withoutSuspects(await readRows(input, settings, learntFrom), suspects)
  const rows = supported(
    mergeFolds(byFold, () => true),
    settings,
  )
  const head = { ...learnt, ...alarmOf(learnt, rows, suspects) }
  const learntSessions = head.state === 'learning' ? [] : await readSessions(input, settings, learntFrom)
  // What is suspected must not teach what clean sessions score either.
  const sessions = learntSessions.filter(({ events }) => !events.some((event) => isSuspect(event, suspects)))
  if (sessions.length === 0) return makeSnapshot(head, rows, NO_CALIBRATION)
  const heldOut = FOLDS.map((fold) => {
    const ofFold = sessions.filter((one) => one.fold === fold).map((one) => one.events)
    const others = mergeFolds(byFold, (other) => other !== fold)
    const share = 1 - ofFold.length / sessions.length
    return { baseline: provisional(head, enlarged(supported(others, settings), share), fold), sessions: ofFold }
  })
  const { describeCalls } = input
  const combination = describeCalls && learnCombination(heldOut.map((one) => describeCalls(one.baseline, one.sessions)))
  const judging = heldOut.map((one, fold) => ({
    ...one,
    baseline: withCombination(one.baseline, combination?.without[fold]),
  }))
  return makeSnapshot(head, rows, input.calibrate(judging, settings.budgets), combination?.all)
}

/** An alarm on the baseline itself. */
function alarmOf(
  { state, toMs }: SnapshotHead,
  rows: ProfileRows,
  suspects: readonly Suspect[],
): Partial<Pick<SnapshotHead, 'state' | 'suspects'>> {
  if (suspects.length > 0) return { state: 'suspected-poisoned', suspects }
  return state === 'active' && hasDrifted(rows.hours ?? [], toMs) ? { state: 'drifted' } : {}
}

function joined(own: RoleHead, parent: RoleHead | undefined, settings: LearnSettings, active: boolean): SnapshotHead {
  const timeZone = settings.timeZoneOf(own.tenant, own.role)
  if (parent === undefined) return { ...own, state: active ? 'active' : 'learning', timeZone }
  return {
    tenant: own.tenant,
    role: own.role,
    state: 'active',
    sessions: own.sessions + parent.sessions,
    agents: own.agents + parent.agents,
    calls: own.calls + parent.calls,
    days: Math.max(own.days, parent.days),
    fromMs: Math.min(own.fromMs, parent.fromMs),
    toMs: Math.max(own.toMs, parent.toMs),
    timeZone,
    parent: parent.role,
  }
}

function withCombination(baseline: Baseline, packed: PackedCombination | undefined): Baseline {
  const combination = compileCombination(packed)
  return combination === undefined ? baseline : { ...baseline, combination }
}

/** What the baseline would be had it not seen the sessions of one fold. */
function provisional(head: SnapshotHead, rows: ProfileRows, fold: number): Baseline {
  const { tenant, role, state, sessions, agents, calls, days, fromMs, toMs, timeZone } = head
  const totals = { calls, sessions, agents, timeZone }
  return {
    tenant,
    role,
    version: `without-fold-${fold}`,
    state,
    sessions,
    agents,
    days,
    fromMs,
    toMs,
    calibration: NO_CALIBRATION,
    ...compileProfiles(rows, totals),
  }
}
