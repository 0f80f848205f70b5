import type { ClickHouseClient } from '@clickhouse/client'
import {
  type AgentHour,
  type ClockFlag,
  type RestoredEvent,
  type SessionKey,
  type SignatureState,
  type StoredRef,
  storedEvent,
} from '../model/index.ts'
import { readSql } from './sql-file.ts'
import type { RestoreBound } from './store.ts'

/**
 * Restores sessions: the stored events of each, as they were accepted and in the order in which they were judged, so
 * that folding them again gives the session that was.
 */

/** More than a fold keeps of a session anyway; bounds what one hostile session can make us read. */
export const MAX_EVENTS_PER_SESSION = 10_000
/** Bounds of one query: its answer is held in memory, and a server takes at most 128 KiB of one parameter, escaped. */
const SESSIONS_PER_QUERY = 500
const NAME_BYTES_PER_QUERY = 60_000
const QUERY = readSql('history')
const AGENT_HOURS = readSql('agent-hours')
const HOUR_MS = 3_600_000

/** An event as it is stored, with what its agent had done in that hour. */
export interface StoredRow extends AgentHour {
  readonly tenant: string
  readonly received_ms: number
  readonly time_ms: number
  readonly clock: ClockFlag
  readonly signature: SignatureState
  readonly origin: string
  readonly position: number
  readonly event: string
  readonly refs: readonly StoredRef[]
}

interface HistoryRow extends StoredRow {
  /** index of the bound it answers */
  readonly n: number
}

export async function readHistory(
  client: ClickHouseClient,
  bounds: readonly RestoreBound[],
  idleMs: number,
): Promise<ReadonlyMap<SessionKey, readonly RestoredEvent[]>> {
  const found = new Map<SessionKey, readonly RestoredEvent[]>()
  for (const some of inQueries(bounds)) {
    const result = await client.query({
      query: QUERY,
      format: 'JSONEachRow',
      query_params: { ...parametersOf(some, ({ timeMs }) => timeMs - idleMs), limit: MAX_EVENTS_PER_SESSION },
    })
    const rows = await result.json<HistoryRow>()
    for (const [n, ofSession] of groupBy(rows, (row) => row.n)) {
      const bound = some[n]
      if (bound !== undefined) found.set(bound.key, firstOfEach(asJudged(ofSession).map(toRestored)))
    }
  }
  return found
}

interface AgentHourRow {
  readonly n: number
  readonly counts: readonly [hour: number, calls: number, bytes: number, records: number]
}

/** By agent (key of agentKey), what it had done in the hour of its bound or a later one. */
export async function readAgentHours(
  client: ClickHouseClient,
  bounds: readonly RestoreBound<string>[],
): Promise<ReadonlyMap<string, AgentHour>> {
  const found = new Map<string, AgentHour>()
  for (const some of inQueries(bounds)) {
    const { sessions: _none, ...parameters } = parametersOf(some, ({ timeMs }) => timeMs - (timeMs % HOUR_MS))
    const result = await client.query({ query: AGENT_HOURS, format: 'JSONEachRow', query_params: parameters })
    for (const { n, counts } of await result.json<AgentHourRow>()) {
      const [hour, calls, bytes, records] = counts
      const bound = some[n]
      if (bound !== undefined) found.set(bound.key, { hour, calls, bytes, records })
    }
  }
  return found
}

function* inQueries<Key extends string>(bounds: readonly RestoreBound<Key>[]): Generator<readonly RestoreBound<Key>[]> {
  let some: RestoreBound<Key>[] = []
  let bytes = 0
  for (const bound of bounds) {
    bytes += Buffer.byteLength(bound.key) + Buffer.byteLength(bound.origin)
    if (some.length === SESSIONS_PER_QUERY || (some.length > 0 && bytes > NAME_BYTES_PER_QUERY)) {
      yield some
      some = []
      bytes = Buffer.byteLength(bound.key) + Buffer.byteLength(bound.origin)
    }
    some.push(bound)
  }
  if (some.length > 0) yield some
}

function parametersOf(
  bounds: readonly RestoreBound<string>[],
  fromMs: (bound: RestoreBound<string>) => number,
): Record<string, readonly (string | number)[] | number> {
  const keys = bounds.map(({ key }) => key.split('\u001f'))
  const firstMs = bounds.map((bound) => Math.max(0, Math.trunc(fromMs(bound))))
  return {
    tenants: keys.map(([tenant = '']) => tenant),
    agents: keys.map(([, agent = '']) => agent),
    // A session id may hold the separator itself; tenant and agent come first.
    sessions: keys.map((parts) => parts.slice(2).join('\u001f')),
    origins: bounds.map(({ origin }) => origin),
    positions: bounds.map(({ position }) => position),
    first_ms: firstMs,
    last_ms: bounds.map(({ timeMs }) => Math.trunc(timeMs)),
    earliest_ms: Math.min(...firstMs),
  }
}

/**
 * Within one origin events were judged by rising position. Between origins the time of receipt decides, which an
 * origin may state out of order, so each event counts as received no earlier than those before it in its origin.
 */
export function asJudged<Row extends Pick<HistoryRow, 'origin' | 'position' | 'received_ms'>>(
  rows: readonly Row[],
): readonly Row[] {
  const placed: { readonly row: Row; readonly receivedMs: number }[] = []
  for (const ofOrigin of groupBy(rows, (row) => row.origin).values()) {
    let receivedMs = 0
    for (const row of ofOrigin.toSorted((a, b) => a.position - b.position)) {
      receivedMs = Math.max(receivedMs, row.received_ms)
      placed.push({ row, receivedMs })
    }
  }
  // Stable, so equal times keep the order of positions.
  return placed.sort((a, b) => a.receivedMs - b.receivedMs).map(({ row }) => row)
}

/** A copy that was delivered again is the same event: the first delivery was judged. */
function firstOfEach(events: readonly RestoredEvent[]): readonly RestoredEvent[] {
  const seen = new Set<string>()
  return events.filter(({ source, id }) => {
    const identity = `${source}\u001f${id}`
    if (seen.has(identity)) return false
    seen.add(identity)
    return true
  })
}

export function toRestored(row: StoredRow): RestoredEvent {
  // Written by us, from an event that was valid: not parsed as a stranger's.
  const cloud = storedEvent(row.event, row.refs)
  return {
    origin: row.origin,
    position: row.position,
    source: cloud.source,
    id: cloud.id,
    tenant: row.tenant,
    timeMs: row.time_ms,
    receivedMs: row.received_ms,
    clock: row.clock,
    signature: row.signature,
    cloud,
    data: cloud.data,
    agentHour: { hour: row.hour, calls: row.calls, bytes: row.bytes, records: row.records },
  }
}

function groupBy<Row, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): ReadonlyMap<Key, readonly Row[]> {
  const groups = new Map<Key, Row[]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  return groups
}
