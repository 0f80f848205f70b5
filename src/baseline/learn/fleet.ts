import type { ToolEvent } from '../../model/index.ts'
import { REFS, type StoredEvent, toToolEvent } from './history.ts'
import { DAY_MS, type LearnInput, type LearnSettings } from './settings.ts'

/** What one tenant's clean sessions show together: enough of their events that folding them shows the same. */
export interface FleetHistory {
  readonly tenant: string
  readonly sessions: number
  readonly days: number
  readonly fromMs: number
  readonly toMs: number
  readonly events: readonly ToolEvent[]
  readonly peps: readonly PepHistory[]
}

export interface PepHistory {
  readonly source: string
  readonly events: number
  readonly longestGapMs: number
  readonly hasHeartbeat: boolean
  readonly calls: number
  readonly decided: number
  readonly lastMs: number
}

/** Neither alerted nor contained, or cleared by a person. */
const CLEAN = `
  ((tenant, agent_id, session_id) NOT IN (SELECT tenant, agent_id, session_id FROM findings WHERE tenant = {tenant:String})
   OR (tenant, agent_id, session_id) IN (SELECT tenant, agent_id, session_id FROM session_clearances WHERE tenant = {tenant:String}))`

/**
 * One event a day of each combination of who, from where, with what and shown what; every failed authentication. The
 * members read by name out of the event's text only decide on what is alike: reading one too many costs a row.
 */
const EVENTS = `
  SELECT tenant, agent_id, session_id, 0 AS fold, origin, position, toUnixTimestamp64Milli(time) AS time_ms,
         toUnixTimestamp64Milli(received) AS received_ms, clock, signature, event,
         ${REFS}
  FROM events
  WHERE tenant = {tenant:String} AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') AND ({all:Bool} OR ${CLEAN})
  ORDER BY time, position
  LIMIT 1 BY toDate(time), agent_id, source, op, client_ip, credential_sha256, server, tool, schema_sha256,
    description_sha256, cityHash64(listed.tool, listed.schema_sha256, listed.description_sha256),
    if(auth_outcome = 'failure', event_id, auth_outcome), visitParamExtractString(event, 'country'),
    visitParamExtractString(event, 'framework'), cityHash64(visitParamExtractRaw(event, 'chain')),
    cityHash64(visitParamExtractRaw(event, 'scopes')), cityHash64(visitParamExtractRaw(event, 'tools'))
  LIMIT {most:UInt32}`

const PEPS = `
  SELECT source, count() AS events, max(gap) AS longest_gap_ms, max(is_heartbeat) AS has_heartbeat,
         countIf(op = 'tools/call' AND first_of_call) AS calls,
         countIf(op = 'tools/call' AND first_of_call AND decision_action != '') AS decided, max(time_ms) AS last_ms
  FROM (
    SELECT source, op, first_of_call, decision_action, op = 'heartbeat' AS is_heartbeat,
           toUnixTimestamp64Milli(time) AS time_ms,
           time_ms - lagInFrame(time_ms, 1, time_ms) OVER (PARTITION BY source ORDER BY time_ms, position) AS gap
    FROM events
    WHERE tenant = {tenant:String} AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
  )
  GROUP BY source ORDER BY source LIMIT 5000`

const HEADS = `
  SELECT tenant, uniqExact(agent_id, session_id) AS sessions, uniqExact(toDate(time)) AS days,
         toUnixTimestamp64Milli(min(time)) AS from_ms, toUnixTimestamp64Milli(max(time)) AS to_ms
  FROM events
  WHERE time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
  GROUP BY tenant ORDER BY tenant`

/** bounds the memory of one tenant's history */
const MOST_EVENTS = 200_000

/** One tenant at a time, so that only one is in memory. `all`: not the clean sessions only, but all there are. */
export async function* readFleets(
  input: Pick<LearnInput, 'store' | 'nowMs'>,
  settings: Pick<LearnSettings, 'windowDays'>,
  all = false,
): AsyncGenerator<FleetHistory> {
  const range = { from_ms: input.nowMs - settings.windowDays * DAY_MS, to_ms: input.nowMs }
  const heads = await input.store.query<Record<'tenant' | 'sessions' | 'days' | 'from_ms' | 'to_ms', string | number>>(
    HEADS,
    range,
  )
  for (const head of heads) {
    const tenant = String(head.tenant)
    const events = await input.store.query<StoredEvent>(EVENTS, { ...range, tenant, all, most: MOST_EVENTS })
    const peps = await input.store.query<Record<keyof PepRow, string | number>>(PEPS, { ...range, tenant })
    yield {
      tenant,
      sessions: Number(head.sessions),
      days: Number(head.days),
      fromMs: Number(head.from_ms),
      toMs: Number(head.to_ms),
      events: events.map(toToolEvent),
      peps: peps.map(pepOf),
    }
  }
}

interface PepRow {
  readonly source: string
  readonly events: number
  readonly longest_gap_ms: number
  readonly has_heartbeat: number
  readonly calls: number
  readonly decided: number
  readonly last_ms: number
}

function pepOf(row: Record<keyof PepRow, string | number>): PepHistory {
  return {
    source: String(row.source),
    events: Number(row.events),
    longestGapMs: Number(row.longest_gap_ms),
    hasHeartbeat: Number(row.has_heartbeat) > 0,
    calls: Number(row.calls),
    decided: Number(row.decided),
    lastMs: Number(row.last_ms),
  }
}
