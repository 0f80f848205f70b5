import type { FastifyInstance } from 'fastify'
import type { Store } from '../store/store.ts'

/** What one PEP published against what came, over a window; times are ISO 8601. */
export interface PepCompleteness {
  readonly source: string
  readonly first: string
  readonly last: string
  /** events stored, each of them judged */
  readonly received: number
  /** what the PEP counts on: its `seq` rises by session, or over all it sends; `none`: it numbers nothing */
  readonly numbered: 'session' | 'source' | 'none'
  /** numbers between the first and the last that never came */
  readonly missing: number
  /** events that came more than a minute after they happened */
  readonly late: number
  /** minutes without any event of a PEP that sends heartbeats */
  readonly silent_minutes: number
  /** minutes in which something was missing, the newest ones, at most twenty */
  readonly minutes: readonly { readonly minute: string; readonly received: number; readonly missing: number }[]
  readonly verdict: Verdict
}

/** `unknown`: the PEP numbers nothing and sends no heartbeat, so nothing can be said to be missing. */
export type Verdict = 'complete' | 'missing' | 'silent' | 'late' | 'unknown'

export interface Completeness {
  readonly from: string
  readonly to: string
  readonly verdict: Verdict
  readonly peps: readonly PepCompleteness[]
  /** messages of the tenant that could not be accepted, by reason */
  readonly dead_letters: readonly { readonly reason: string; readonly letters: number }[]
}

export interface Window {
  readonly tenant: string
  readonly fromMs: number
  readonly toMs: number
  /** only events of this session */
  readonly session?: { readonly agent: string; readonly id: string }
}

const TIME = { type: 'string', format: 'date-time' }
const QUERY = { type: 'object', additionalProperties: false, properties: { from: TIME, to: TIME } }
const HOUR_MS = 3_600_000

/** `GET /v1/completeness`: whether everything came that the PEPs of the caller's tenant published. */
export function completenessRoutes(
  server: FastifyInstance,
  { store, now }: { readonly store: Pick<Store, 'query'>; readonly now: () => number },
): void {
  server.get('/v1/completeness', { schema: { querystring: QUERY } }, (request) => {
    const { from, to } = request.query as { readonly from?: string; readonly to?: string }
    const toMs = to === undefined ? now() : Date.parse(to)
    const fromMs = from === undefined ? toMs - HOUR_MS : Date.parse(from)
    return readCompleteness(store, { tenant: request.principal.tenant, fromMs, toMs })
  })
}

/** Counts again from the stored events; nothing is kept for it while events flow. */
export async function readCompleteness(
  store: Pick<Store, 'query'>,
  { tenant, fromMs, toMs, session }: Window,
): Promise<Completeness> {
  const window = { tenant, from_ms: Math.trunc(fromMs), to_ms: Math.trunc(toMs) }
  const of = { agent: session?.agent ?? '', session: session?.id ?? '' }
  const rows = await store.query<StoredPep>(PEPS, { ...window, ...of })
  const peps = rows.map(pepOf)
  return {
    from: iso(fromMs),
    to: iso(toMs),
    verdict: worstOf(peps.map(({ verdict }) => verdict)),
    peps,
    dead_letters: await store.query(DEAD_LETTERS, window),
  }
}

interface StoredPep {
  readonly source: string
  readonly first: number
  readonly last: number
  readonly received: number
  readonly numbered: PepCompleteness['numbered']
  readonly missing: number
  readonly late: number
  readonly heartbeats: number
  readonly heard_minutes: number
  readonly gaps: readonly (readonly [minute: number, received: number, missing: number])[]
}

function pepOf(row: StoredPep): PepCompleteness {
  const { source, first, last, received, numbered, missing, late, heartbeats } = row
  const minutes = Math.floor(last / MINUTE_MS) - Math.floor(first / MINUTE_MS) + 1
  const silent = heartbeats > 0 ? minutes - row.heard_minutes : 0
  return {
    source,
    first: iso(first),
    last: iso(last),
    received,
    numbered,
    missing,
    late,
    silent_minutes: silent,
    minutes: row.gaps.map(([minute, came, lost]) => ({ minute: iso(minute), received: came, missing: lost })),
    verdict: verdictOf({ missing, silent, late, isCounted: numbered !== 'none' || heartbeats > 0 }),
  }
}

interface Shown {
  readonly missing: number
  readonly silent: number
  readonly late: number
  readonly isCounted: boolean
}

function verdictOf({ missing, silent, late, isCounted }: Shown): Verdict {
  if (missing > 0) return 'missing'
  if (silent > 0) return 'silent'
  if (late > 0) return 'late'
  return isCounted ? 'complete' : 'unknown'
}

const WORST_FIRST: readonly Verdict[] = ['missing', 'silent', 'late', 'unknown', 'complete']

function worstOf(verdicts: readonly Verdict[]): Verdict {
  return WORST_FIRST.find((one) => verdicts.includes(one)) ?? 'unknown'
}

function iso(ms: number): string {
  return new Date(Number(ms)).toISOString()
}

const MINUTE_MS = 60_000

/**
 * A number that never came is told in the minute of the event after it. A PEP that numbers over all its sessions leaves
 * gaps in each of them: its numbers hardly repeat, those of one that begins anew with each session do.
 */
const PEPS = `
WITH numbers AS (
  SELECT source, agent_id, session_id, seq, min(time) AS at
  FROM events
  WHERE tenant = {tenant:String} AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND time <= fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND ({session:String} = '' OR (agent_id = {agent:String} AND session_id = {session:String}))
  GROUP BY source, agent_id, session_id, seq
),
ways AS (
  SELECT source,
    multiIf(max(seq) = 0, 'none', uniqExact(agent_id, session_id) = 1 OR uniqExact(seq) < 0.9 * count(), 'session', 'source') AS numbered
  FROM numbers GROUP BY source
),
gaps AS (
  SELECT source, toStartOfMinute(at) AS minute,
    toInt64(seq) - toInt64(lagInFrame(seq, 1, seq) OVER (
      PARTITION BY source, if(numbered = 'session', agent_id, ''), if(numbered = 'session', session_id, '')
      ORDER BY seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)) AS step
  FROM numbers INNER JOIN ways USING (source)
  WHERE numbered != 'none'
),
lost AS (
  SELECT source, minute, sum(greatest(step - 1, 0)) AS missing FROM gaps GROUP BY source, minute HAVING missing > 0
),
came AS (
  SELECT source, toStartOfMinute(time) AS minute, count() AS received, countIf(op = 'heartbeat') AS heartbeats,
    countIf(clock = 'late' OR received_ms - toUnixTimestamp64Milli(time) > ${MINUTE_MS}) AS late,
    min(toUnixTimestamp64Milli(time)) AS first, max(toUnixTimestamp64Milli(time)) AS last
  FROM (SELECT *, toUnixTimestamp64Milli(received) AS received_ms FROM events
    WHERE tenant = {tenant:String} AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND time <= fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
      AND ({session:String} = '' OR (agent_id = {agent:String} AND session_id = {session:String})))
  GROUP BY source, minute
)
SELECT came.source AS source, min(came.first) AS first, max(came.last) AS last, sum(came.received) AS received,
  any(ways.numbered) AS numbered, toInt64(sum(lost.missing)) AS missing, sum(came.late) AS late,
  sum(came.heartbeats) AS heartbeats, count() AS heard_minutes,
  arraySlice(arrayReverseSort(groupArrayIf(
    (toUnixTimestamp(came.minute) * 1000, came.received, toInt64(lost.missing)), lost.missing > 0)), 1, 20) AS gaps
FROM came
LEFT JOIN lost ON lost.source = came.source AND lost.minute = came.minute
LEFT JOIN ways ON ways.source = came.source
GROUP BY source ORDER BY missing DESC, source LIMIT 1000`

const DEAD_LETTERS = `
SELECT reason, count() AS letters FROM dead_letters
WHERE tenant = {tenant:String} AND received >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND received <= fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY reason ORDER BY letters DESC, reason`
