import { PROFILES } from '../profiles.ts'
import { DAY_MS, type LearnInput, type LearnSettings } from './settings.ts'

export interface TenantDay {
  readonly tenant: string
  readonly day: string
  readonly events: number | string
}

/** Days of one tenant that are aggregated together: an aggregation costs as much for one day as for many small ones. */
export interface Stretch {
  readonly tenant: string
  readonly days: readonly string[]
}

/** Bounds the memory of one aggregation. */
const EVENTS_PER_STRETCH = 500_000

/** Days come ordered by tenant and day. */
export function stretchesOf(days: readonly TenantDay[]): readonly Stretch[] {
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

export async function daysToLearn(input: LearnInput, settings: LearnSettings): Promise<readonly TenantDay[]> {
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

export async function learnStretch(
  input: LearnInput,
  settings: LearnSettings,
  { tenant, days }: Stretch,
): Promise<void> {
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
