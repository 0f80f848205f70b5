import {
  type AgentHour,
  type ClockFlag,
  type Profiles,
  type RestoredEvent,
  type SignatureState,
  type StoredRef,
  storedEvent,
  type ToolEvent,
} from '../../model/index.ts'
import type { ProfileRow } from '../profile.ts'
import { DAY_MS, type LearnInput, type LearnSettings } from './settings.ts'

/** Reads back what was learnt: roles, their rows and the sessions behind them. */

export interface RoleHead {
  readonly tenant: string
  readonly role: string
  readonly sessions: number
  readonly agents: number
  readonly calls: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
}

export async function learntRoles(input: LearnInput, settings: LearnSettings): Promise<readonly RoleHead[]> {
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

export interface FoldRow extends ProfileRow {
  readonly profile: keyof Profiles
  readonly fold: number
}

export async function readRows(
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

export interface LearntSession {
  readonly fold: number
  readonly events: readonly RestoredEvent[]
}

export interface StoredEvent {
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
  readonly refs: readonly StoredRef[]
}

/** An event with its agent's hour as it was then. */
interface StoredStep extends StoredEvent {
  readonly hour: number | string
  readonly hour_calls: number | string
  readonly hour_bytes: number | string
  readonly hour_records: number | string
}

/** Selects what an event's text leaves out. */
export const REFS = 'arrayZip("refs.in", "refs.kind", "refs.fp", "refs.untrusted", "refs.imperative") AS refs'

export async function readSessions(
  input: LearnInput,
  settings: LearnSettings,
  heads: readonly RoleHead[],
): Promise<readonly LearntSession[]> {
  const [first] = heads
  const rows = await input.store.query<StoredStep>(
    `WITH chosen AS (
       SELECT tenant, role, agent_id, session_id, fold, first_time, last_time FROM learnt_sessions
       WHERE tenant = {tenant:String} AND role IN {roles:Array(String)}
         AND day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC'))
       ORDER BY last_time DESC, session_id LIMIT {most:UInt32}
     )
     SELECT e.tenant AS tenant, e.agent_id AS agent_id, e.session_id AS session_id, s.fold AS fold, e.origin AS origin,
            e.position AS position, toUnixTimestamp64Milli(e.time) AS time_ms,
            intDiv(toUnixTimestamp64Milli(e.agent_hour), 3600000) AS hour, e.agent_hour_calls AS hour_calls,
            e.agent_hour_bytes AS hour_bytes, e.agent_hour_records AS hour_records,
            toUnixTimestamp64Milli(e.received) AS received_ms, e.clock AS clock, e.signature AS signature, e.event AS event,
            ${REFS}
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
  const sessions = new Map<string, { fold: number; events: RestoredEvent[] }>()
  for (const row of rows) {
    const key = `${row.agent_id}\u001f${row.session_id}`
    const session = sessions.get(key) ?? { fold: Number(row.fold), events: [] }
    session.events.push({ ...toToolEvent(row), agentHour: hourOf(row) })
    sessions.set(key, session)
  }
  return [...sessions.values()]
}

function hourOf({ hour, hour_calls, hour_bytes, hour_records }: StoredStep): AgentHour {
  return { hour: Number(hour), calls: Number(hour_calls), bytes: Number(hour_bytes), records: Number(hour_records) }
}

export function toToolEvent(row: StoredEvent): ToolEvent {
  const cloud = storedEvent(row.event, row.refs)
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
