import type {
  Baseline,
  Calibration,
  ClockFlag,
  CloudEvent,
  Profiles,
  SignatureState,
  ToolEvent,
} from '../model/index.ts'
import { NO_CALIBRATION } from './empty.ts'
import type { ProfileRow } from './profile.ts'
import { compileProfiles, PROFILES, type ProfileRows } from './profiles.ts'
import { makeSnapshot, type Snapshot, type SnapshotHead } from './snapshot.ts'

/** What the learn job needs of the store. */
export interface LearnStore {
  query<Row>(
    sql: string,
    parameters?: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>,
  ): Promise<readonly Row[]>
  command(
    sql: string,
    parameters?: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>,
  ): Promise<void>
}

export interface LearnSettings {
  /** a session is over when nothing came for this long */
  readonly settleMs: number
  /** history that a baseline looks back on */
  readonly windowDays: number
  /** what one session may add to one row */
  readonly maxPerSession: number
  /** sessions of one agent that count per day */
  readonly maxSessionsPerAgentDay: number
  /** below these a role stays `learning` */
  readonly minSessions: number
  readonly minAgents: number
  /** rows seen in fewer distinct sessions or by fewer agents than this are left out */
  readonly minSupport: { readonly sessions: number; readonly agents: number }
  /** sessions that calibration rehearses per role, newest first */
  readonly maxCalibrated: number
  /** false containments per session that the user accepts */
  readonly budget: number
  /** IANA zone the role works in */
  timeZoneOf(tenant: string, role: string): string
  /** the role that a role still learning borrows from */
  parentOf(tenant: string, role: string): string | undefined
}

export const LEARN_DEFAULTS: LearnSettings = {
  settleMs: 30 * 60_000,
  windowDays: 60,
  maxPerSession: 5,
  maxSessionsPerAgentDay: 500,
  minSessions: 30,
  minAgents: 1,
  minSupport: { sessions: 1, agents: 1 },
  maxCalibrated: 2_000,
  budget: 0.001,
  timeZoneOf: () => 'UTC',
  parentOf: () => undefined,
}

/** Judges sessions with baselines that have not seen them, and finds tails and threshold (detect/calibrate.ts). */
export type Calibrate = (
  heldOut: readonly { readonly baseline: Baseline; readonly sessions: readonly (readonly ToolEvent[])[] }[],
  budget: number,
) => Calibration

export interface LearnInput {
  readonly store: LearnStore
  readonly calibrate: Calibrate
  /** Unix milliseconds: what is settled and how far the window reaches back is counted from here */
  readonly nowMs: number
  readonly settings?: Partial<LearnSettings>
  /** names the key of the destination fingerprints in the store */
  readonly refsKey?: string
  /** called as work proceeds, for a progress bar */
  progress?(done: number, total: number, what: string): void
}

const DAY_MS = 86_400_000
const FOLDS = [0, 1, 2, 3] as const

/**
 * The learn job. Days that are not learnt yet, the last two (which may still have changed) and those of sessions that
 * were cleared since are aggregated into profile rows; then every role's rows are compiled, calibrated and returned as
 * snapshots. Only one may run at a time; broken off, it leaves nothing that counts.
 */
export async function learnFromStore(input: LearnInput): Promise<readonly Snapshot[]> {
  const settings = { ...LEARN_DEFAULTS, ...input.settings }
  const stretches = stretchesOf(await daysToLearn(input, settings))
  let done = 0
  for (const stretch of stretches) {
    input.progress?.(done++, stretches.length, `${stretch.tenant} ${stretch.days[0]}`)
    await learnStretch(input, settings, stretch)
  }
  const roles = await learntRoles(input, settings)
  const snapshots: Snapshot[] = []
  for (const head of roles) {
    input.progress?.(snapshots.length, roles.length, `${head.tenant} ${head.role}`)
    snapshots.push(await snapshotOf(input, settings, head, roles))
  }
  return snapshots
}

interface TenantDay {
  readonly tenant: string
  readonly day: string
  readonly events: number | string
}

/** Days of one tenant that are aggregated together: an aggregation costs as much for one day as for many small ones. */
interface Stretch {
  readonly tenant: string
  readonly days: readonly string[]
}

/** Bounds the memory of one aggregation. */
const EVENTS_PER_STRETCH = 500_000

/** Days come ordered by tenant and day. */
function stretchesOf(days: readonly TenantDay[]): readonly Stretch[] {
  const stretches: { tenant: string; days: string[]; events: number }[] = []
  for (const { tenant, day, events } of days) {
    const last = stretches.at(-1)
    if (last?.tenant === tenant && last.events + Number(events) <= EVENTS_PER_STRETCH) {
      last.days.push(day)
      last.events += Number(events)
    } else stretches.push({ tenant, days: [day], events: Number(events) })
  }
  return stretches
}

/** Days of sessions that were cleared after the day was learnt, whenever that was. */
const CLEARED_SINCE = `
  SELECT e.tenant, e.day FROM (
    SELECT DISTINCT tenant, agent_id, session_id, toDate(time) AS day FROM events
    WHERE (tenant, agent_id, session_id) IN (SELECT tenant, agent_id, session_id FROM session_clearances)
  ) AS e
  INNER JOIN (SELECT * FROM session_clearances FINAL) AS c USING (tenant, agent_id, session_id)
  INNER JOIN (SELECT tenant, day, max(generation) AS learnt_ms FROM learnt_days GROUP BY tenant, day) AS d
    ON d.tenant = e.tenant AND d.day = e.day
  WHERE toUnixTimestamp64Milli(c.at) >= d.learnt_ms`

async function daysToLearn(input: LearnInput, settings: LearnSettings): Promise<readonly TenantDay[]> {
  return input.store.query<TenantDay>(
    `SELECT tenant, toString(toDate(time)) AS day, count() AS events FROM events
     WHERE time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
       AND ((tenant, toDate(time)) NOT IN (SELECT tenant, day FROM learnt_days)
            OR time >= fromUnixTimestamp64Milli({again_ms:Int64}, 'UTC')
            OR (tenant, toDate(time)) IN (${CLEARED_SINCE}))
     GROUP BY tenant, day ORDER BY tenant, day`,
    {
      from_ms: input.nowMs - settings.windowDays * DAY_MS,
      to_ms: input.nowMs,
      again_ms: input.nowMs - 2 * DAY_MS,
    },
  )
}

/** Clean, settled sessions that began on these days; at most so many of one agent a day, chosen by hash so that none can choose. */
const ELIGIBLE = `
  INSERT INTO learnt_session_rows
  SELECT tenant, role, agent_id, session_id, day, fold, calls, first_time, last_time, {generation:UInt64}
  FROM (
    SELECT *, row_number() OVER (PARTITION BY day, role, agent_id ORDER BY cityHash64(session_id)) AS place
    FROM (
      SELECT tenant, role, agent_id, session_id, toDate(min(time)) AS day,
             cityHash64(tenant, agent_id, session_id) % 4 AS fold, countIf(first_of_call) AS calls,
             min(time) AS first_time, max(time) AS last_time, max(action NOT IN ('allow', 'monitor')) AS contained
      FROM events
      WHERE tenant = {tenant:String} AND time >= toDateTime64({first_day:String}, 3, 'UTC') - INTERVAL 1 DAY
        AND time < toDateTime64({last_day:String}, 3, 'UTC') + INTERVAL 2 DAY
      GROUP BY tenant, role, agent_id, session_id
    )
    WHERE day IN {days:Array(Date)} AND last_time < fromUnixTimestamp64Milli({settled_ms:Int64}, 'UTC')
      AND ((contained = 0 AND (agent_id, session_id) NOT IN (SELECT agent_id, session_id FROM findings WHERE tenant = {tenant:String}))
        OR (agent_id, session_id) IN (SELECT agent_id, session_id FROM session_clearances WHERE tenant = {tenant:String}))
  )
  WHERE place <= {agent_cap:UInt32}`

/** What a profile's select reads: the events of the days' learnt sessions, and their calls and replies. */
const SOURCES = `
  WITH all_events AS (
    SELECT e.*, s.day AS day, s.fold AS fold FROM events AS e
    INNER JOIN (SELECT * FROM learnt_session_rows FINAL
                WHERE tenant = {tenant:String} AND day IN {days:Array(Date)} AND generation = {generation:UInt64}) AS s
    USING (tenant, role, agent_id, session_id)
    WHERE e.tenant = {tenant:String} AND e.time >= toDateTime64({first_day:String}, 3, 'UTC')
      AND e.time < toDateTime64({last_day:String}, 3, 'UTC') + INTERVAL 2 DAY
      AND e.time < toDateTime64(s.day, 3, 'UTC') + INTERVAL 2 DAY
  ),
  calls AS (SELECT * FROM all_events WHERE first_of_call),
  replies AS (SELECT * FROM all_events WHERE phase = 'response')`

async function learnStretch(input: LearnInput, settings: LearnSettings, { tenant, days }: Stretch): Promise<void> {
  const { store, nowMs } = input
  const parameters = { tenant, days, first_day: days[0] ?? '', last_day: days.at(-1) ?? '', generation: nowMs }
  await store.command(ELIGIBLE, {
    ...parameters,
    settled_ms: nowMs - settings.settleMs,
    agent_cap: settings.maxSessionsPerAgentDay,
  })
  for (const profile of Object.values(PROFILES)) {
    await store.command(
      `INSERT INTO profile_rows
       ${SOURCES}
       SELECT tenant, role, day, fold, '${profile.name}' AS profile, key, subkey,
              sum(least(n, {session_cap:UInt32})) AS events, uniqExact(agent_id, session_id) AS sessions,
              uniqExact(agent_id) AS agents, {generation:UInt64} AS generation
       FROM (${profile.select})
       GROUP BY tenant, role, day, fold, profile, key, subkey`,
      { ...parameters, session_cap: settings.maxPerSession },
    )
  }
  await store.command(
    `INSERT INTO learnt_days SELECT {tenant:String}, arrayJoin({days:Array(Date)}), {generation:UInt64}`,
    parameters,
  )
}

interface RoleHead {
  readonly tenant: string
  readonly role: string
  readonly sessions: number
  readonly agents: number
  readonly calls: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
}

async function learntRoles(input: LearnInput, settings: LearnSettings): Promise<readonly RoleHead[]> {
  const rows = await input.store.query<Record<keyof RoleHead, string | number>>(
    `SELECT tenant, role, count() AS sessions, uniqExact(agent_id) AS agents, sum(calls) AS calls, uniqExact(day) AS days,
            toUnixTimestamp64Milli(min(first_time)) AS fromMs, toUnixTimestamp64Milli(max(last_time)) AS toMs
     FROM learnt_sessions WHERE day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC'))
     GROUP BY tenant, role ORDER BY tenant, role`,
    { from_ms: input.nowMs - settings.windowDays * DAY_MS },
  )
  return rows.map((row) => ({
    tenant: String(row.tenant),
    role: String(row.role),
    sessions: Number(row.sessions),
    agents: Number(row.agents),
    calls: Number(row.calls),
    days: Number(row.days),
    fromMs: Number(row.fromMs),
    toMs: Number(row.toMs),
  }))
}

async function snapshotOf(
  input: LearnInput,
  settings: LearnSettings,
  own: RoleHead,
  roles: readonly RoleHead[],
): Promise<Snapshot> {
  const enough = (head: RoleHead): boolean => head.sessions >= settings.minSessions && head.agents >= settings.minAgents
  const parentRole = enough(own) ? undefined : settings.parentOf(own.tenant, own.role)
  const parent = roles.find((head) => head.tenant === own.tenant && head.role === parentRole && enough(head))
  const learntFrom = parent === undefined ? [own] : [own, parent]
  const head = {
    ...joined(own, parent, settings, enough(own) || parent !== undefined),
    ...(input.refsKey !== undefined && { refsKey: input.refsKey }),
  }
  const byFold = await readRows(input, settings, learntFrom)
  const rows = supported(
    mergeFolds(byFold, () => true),
    settings,
  )
  const sessions = head.state === 'learning' ? [] : await readSessions(input, settings, learntFrom)
  if (sessions.length === 0) return makeSnapshot(head, rows, NO_CALIBRATION)
  const heldOut = FOLDS.map((fold) => {
    const ofFold = sessions.filter((one) => one.fold === fold).map((one) => one.events)
    const others = mergeFolds(byFold, (other) => other !== fold)
    const share = 1 - ofFold.length / sessions.length
    return { baseline: provisional(head, enlarged(supported(others, settings), share), fold), sessions: ofFold }
  })
  return makeSnapshot(head, rows, input.calibrate(heldOut, settings.budget))
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

interface FoldRow extends ProfileRow {
  readonly profile: keyof Profiles
  readonly fold: number
}

async function readRows(
  input: LearnInput,
  settings: LearnSettings,
  heads: readonly RoleHead[],
): Promise<readonly FoldRow[]> {
  const [first] = heads
  const rows = await input.store.query<Record<keyof FoldRow, string | number>>(
    `SELECT profile, key, subkey, fold, sum(events) AS events, sum(sessions) AS sessions, max(agents) AS agents
     FROM profile_days
     WHERE tenant = {tenant:String} AND role IN {roles:Array(String)}
       AND day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC'))
     GROUP BY profile, key, subkey, fold
     ORDER BY profile, key, subkey, fold`,
    {
      tenant: first?.tenant ?? '',
      roles: heads.map((head) => head.role),
      from_ms: input.nowMs - settings.windowDays * DAY_MS,
    },
  )
  return rows.map((row) => ({
    profile: String(row.profile) as keyof Profiles,
    key: String(row.key),
    subkey: String(row.subkey),
    fold: Number(row.fold),
    events: Number(row.events),
    sessions: Number(row.sessions),
    agents: Number(row.agents),
  }))
}

/** Rows come ordered by profile, key and subkey, so those of one cell stand side by side. */
function mergeFolds(rows: readonly FoldRow[], keep: (fold: number) => boolean): ProfileRows {
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

function supported(rows: ProfileRows, settings: LearnSettings): ProfileRows {
  const { sessions, agents } = settings.minSupport
  if (sessions <= 1 && agents <= 1) return rows
  const kept: Partial<Record<keyof Profiles, readonly ProfileRow[]>> = {}
  for (const [profile, list] of Object.entries(rows))
    kept[profile as keyof Profiles] = list.filter((row) => row.sessions >= sessions && row.agents >= agents)
  return kept
}

interface LearntSession {
  readonly fold: number
  readonly events: readonly ToolEvent[]
}

interface StoredEvent {
  readonly tenant: string
  readonly agent_id: string
  readonly session_id: string
  readonly fold: number | string
  readonly origin: string
  readonly position: number | string
  readonly time_ms: number | string
  readonly received_ms: number | string
  readonly clock: ClockFlag
  readonly signature: SignatureState
  readonly event: string
}

async function readSessions(
  input: LearnInput,
  settings: LearnSettings,
  heads: readonly RoleHead[],
): Promise<readonly LearntSession[]> {
  const [first] = heads
  const rows = await input.store.query<StoredEvent>(
    `WITH chosen AS (
       SELECT tenant, role, agent_id, session_id, fold, first_time, last_time FROM learnt_sessions
       WHERE tenant = {tenant:String} AND role IN {roles:Array(String)}
         AND day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC'))
       ORDER BY last_time DESC, session_id LIMIT {most:UInt32}
     )
     SELECT e.tenant AS tenant, e.agent_id AS agent_id, e.session_id AS session_id, s.fold AS fold, e.origin AS origin,
            e.position AS position, toUnixTimestamp64Milli(e.time) AS time_ms,
            toUnixTimestamp64Milli(e.received) AS received_ms, e.clock AS clock, e.signature AS signature, e.event AS event
     FROM events AS e INNER JOIN chosen AS s USING (tenant, role, agent_id, session_id)
     WHERE e.tenant = {tenant:String} AND e.time >= (SELECT min(first_time) FROM chosen)
     ORDER BY tenant, agent_id, session_id, time, position, event_id`,
    {
      tenant: first?.tenant ?? '',
      roles: heads.map((head) => head.role),
      from_ms: input.nowMs - settings.windowDays * DAY_MS,
      most: settings.maxCalibrated,
    },
  )
  const sessions = new Map<string, { fold: number; events: ToolEvent[] }>()
  for (const row of rows) {
    const key = `${row.agent_id}\u001f${row.session_id}`
    const session = sessions.get(key) ?? { fold: Number(row.fold), events: [] }
    session.events.push(toolEvent(row))
    sessions.set(key, session)
  }
  return [...sessions.values()]
}

function toolEvent(row: StoredEvent): ToolEvent {
  const cloud = JSON.parse(row.event) as CloudEvent
  return {
    origin: row.origin,
    position: Number(row.position),
    source: cloud.source,
    id: cloud.id,
    tenant: row.tenant,
    timeMs: Number(row.time_ms),
    receivedMs: Number(row.received_ms),
    clock: row.clock,
    signature: row.signature,
    cloud,
    data: cloud.data,
  }
}

/**
 * Rows that a share of the sessions taught, at the size that all of them would have: strengths grow with the history
 * behind them, so a smaller history would make every new session look stronger than what calibration has seen.
 */
function enlarged(rows: ProfileRows, share: number): ProfileRows {
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
