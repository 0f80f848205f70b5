import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { BaselineState, Reason } from '../model/index.ts'
import type { Store } from '../store/store.ts'
import { baselineVersionRoutes } from './baseline-versions.ts'
import { completenessRoutes } from './completeness.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { explainRoutes } from './explain.ts'
import { problem } from './server.ts'
import { toolRoutes } from './tools.ts'

/** A session in `GET /v1/sessions`; times are ISO 8601, risk is 0..1. */
export interface SessionRow {
  readonly session: string
  readonly agent: string
  readonly role: string
  readonly started: string
  readonly last: string
  readonly calls: number
  readonly signals: number
  readonly risk: number
  readonly action: string
}

export interface SessionEvent {
  readonly time: string
  readonly source: string
  readonly event_id: string
  readonly op: string
  readonly phase: string
  readonly call_id: string
  readonly server: string
  readonly tool: string
  readonly status: string
  readonly score: number
  readonly risk: number
  readonly action: string
  readonly signals: readonly { readonly id: string; readonly strength: number; readonly reasons: readonly Reason[] }[]
}

export interface SessionDetail extends SessionRow {
  readonly events: readonly SessionEvent[]
}

/** A baseline in `GET /v1/baselines`, without its profiles. */
export interface BaselineRow {
  readonly role: string
  readonly version: string
  readonly state: BaselineState
  readonly sessions: number
  readonly agents: number
  readonly days: number
  readonly from: string
  readonly to: string
  readonly parent?: string
  readonly calibration: {
    readonly threshold_nats: number
    readonly budget: number
    readonly achieved: number
  }
}

export interface QueryParts {
  readonly store: Pick<Store, 'query' | 'insert'>
  readonly now: () => number
}

const MAX_EVENTS = 10_000

/** What the CLI and the console read: always and only the caller's own tenant. */
export function queryRoutes(parts: QueryParts): FastifyPluginAsync {
  return async (server) => {
    sessionRoutes(server, parts)
    baselineRoutes(server, parts)
    baselineVersionRoutes(server, parts)
    explainRoutes(server, parts.store)
    deadLetterRoutes(server, parts)
    toolRoutes(server, parts)
    completenessRoutes(server, parts)
  }
}

function sessionRoutes(server: FastifyInstance, { store }: QueryParts): void {
  server.get('/v1/sessions', { schema: { querystring: SESSIONS_QUERY } }, async (request) => {
    const { agent = '', role = '', contained = false, limit } = request.query as SessionsQuery
    const parameters = { tenant: request.principal.tenant, agent, role, contained, limit }
    return { sessions: (await store.query<StoredSession>(SESSIONS, parameters)).map(sessionRow) }
  })
  server.get('/v1/sessions/:session', { schema: { querystring: SESSION_QUERY } }, async (request, reply) => {
    const { session } = request.params as { readonly session: string }
    const { agent = '' } = request.query as { readonly agent?: string }
    const key = { tenant: request.principal.tenant, session, agent }
    const [found, another] = await store.query<StoredSession>(SESSION, key)
    if (!found) return problem(reply, 404, 'no such session in this tenant')
    if (another)
      return problem(reply, 409, `several agents use this session id, say which: ${found.agent}, ${another.agent}`)
    const events = await store.query<StoredEvent>(EVENTS, { ...key, agent: found.agent, limit: MAX_EVENTS })
    return { ...sessionRow(found), events: events.map(sessionEvent) } satisfies SessionDetail
  })
}

interface SessionsQuery {
  readonly agent?: string
  readonly role?: string
  readonly contained?: boolean
  readonly limit: number
}

const TEXT = { type: 'string', maxLength: 512 }
const SESSIONS_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    agent: TEXT,
    role: TEXT,
    contained: { type: 'boolean' },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
  },
}
const SESSION_QUERY = { type: 'object', additionalProperties: false, properties: { agent: TEXT } }

/** As the store has them: times in Unix milliseconds. */
type Stored<Row, Times extends keyof Row> = Omit<Row, Times> & { readonly [Time in Times]: number }
type StoredSession = Stored<SessionRow, 'started' | 'last'>

const SESSION_COLUMNS = `session_id AS session, agent_id AS agent, role,
  toUnixTimestamp64Milli(started) AS started, toUnixTimestamp64Milli(last_seen) AS last,
  calls, signals, risk, action`

const SESSIONS = `SELECT ${SESSION_COLUMNS} FROM sessions
WHERE tenant = {tenant:String}
  AND ({agent:String} = '' OR agent_id = {agent:String})
  AND ({role:String} = '' OR role = {role:String})
  AND (NOT {contained:Bool} OR action NOT IN ('allow', 'monitor'))
ORDER BY last_seen DESC LIMIT {limit:UInt32}`

const SESSION = `SELECT ${SESSION_COLUMNS} FROM sessions
WHERE tenant = {tenant:String} AND session_id = {session:String}
  AND ({agent:String} = '' OR agent_id = {agent:String})
LIMIT 2`

function sessionRow(row: StoredSession): SessionRow {
  return { ...row, started: iso(row.started), last: iso(row.last) }
}

interface StoredEvent extends Stored<Omit<SessionEvent, 'signals'>, 'time'> {
  readonly ids: readonly string[]
  readonly strengths: readonly number[]
  readonly reasons: readonly string[]
}

const EVENTS = `SELECT toUnixTimestamp64Milli(events.time) AS time, source, event_id, op, phase, call_id, server, tool, status,
  score, risk, action, \`signal.by\` AS ids, \`signal.strength\` AS strengths, \`signal.reasons\` AS reasons
FROM events
WHERE tenant = {tenant:String} AND agent_id = {agent:String} AND session_id = {session:String}
ORDER BY events.time, origin, position LIMIT {limit:UInt32}`

function sessionEvent({ ids, strengths, reasons, ...event }: StoredEvent): SessionEvent {
  const signals = ids.map((id, at) => ({
    id,
    strength: strengths[at] ?? 0,
    reasons: JSON.parse(reasons[at] ?? '[]') as readonly Reason[],
  }))
  return { ...event, time: iso(event.time), signals }
}

/** Unix milliseconds to ISO 8601. */
function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}

function baselineRoutes(server: FastifyInstance, { store }: QueryParts): void {
  const read = (tenant: string, role: string) => store.query<StoredBaseline>(BASELINES, { tenant, role })
  server.get('/v1/baselines', async (request) => {
    return { baselines: (await read(request.principal.tenant, '')).map(baselineRow) }
  })
  server.get('/v1/baselines/:role', async (request, reply) => {
    const { role } = request.params as { readonly role: string }
    const [row] = await read(request.principal.tenant, role)
    return row ? baselineRow(row) : problem(reply, 404, 'nothing was learnt for this role in this tenant')
  })
}

interface StoredBaseline extends Stored<Omit<BaselineRow, 'parent' | 'calibration'>, 'from' | 'to'> {
  /** empty where it borrows from none */
  readonly parent: string
  readonly threshold_nats: number
  readonly budget: number
  readonly achieved: number
}

const BASELINES = `SELECT role, version, state, sessions, agents, days, parent, threshold_nats, budget, achieved,
  toUnixTimestamp64Milli(from_time) AS from, toUnixTimestamp64Milli(to_time) AS to
FROM current_baselines
WHERE tenant = {tenant:String} AND ({role:String} = '' OR role = {role:String})
ORDER BY role`

function baselineRow({ parent, threshold_nats, budget, achieved, ...row }: StoredBaseline): BaselineRow {
  return {
    ...row,
    from: iso(row.from),
    to: iso(row.to),
    ...(parent !== '' && { parent }),
    calibration: { threshold_nats, budget, achieved },
  }
}
