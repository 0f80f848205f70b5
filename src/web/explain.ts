import type { FastifyInstance } from 'fastify'
import type { BaselineState, Reason, Ref } from '../model/index.ts'
import type { Store } from '../store/store.ts'
import {
  type ExplainedEvent,
  type LearntWindow,
  numbersOf,
  observedOf,
  type ReproducedNumber,
} from './explain/numbers.ts'
import { problem } from './server.ts'

/** One signal of `GET /v1/events/{id}/explanation`. */
export interface ExplainedSignal {
  readonly id: string
  readonly strength: number
  readonly tail: number
  readonly evidence: number
  readonly reasons: readonly Reason[]
  readonly numbers: readonly CheckedNumber[]
}

/** A query and what it answers now; at most SHOWN rows. Days that were learnt again since may answer differently. */
export interface CheckedNumber extends ReproducedNumber {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

export interface Explanation {
  readonly event: Omit<ExplainedEvent, 'refs' | 'parameters' | 'tenant' | 'time'> & {
    readonly time: string
    readonly score: number
    readonly risk: number
    readonly action: string
    /** version it was judged by, `none` where the role had none */
    readonly baseline: string
  }
  /** absent where the role had none */
  readonly baseline?: {
    readonly version: string
    readonly state: BaselineState
    readonly sessions: number
    readonly agents: number
    readonly days: number
    readonly from_day: string
    readonly to_day: string
    readonly threshold_nats: number
  }
  readonly observed: CheckedNumber
  readonly signals: readonly ExplainedSignal[]
}

const SHOWN = 20
const TEXT = { type: 'string', maxLength: 512 }
const QUERY = { type: 'object', additionalProperties: false, properties: { source: TEXT } }

/** Why an event was scored as it was: signals, what they leaned on, and for each number the SQL that counts it again. */
export function explainRoutes(server: FastifyInstance, store: Pick<Store, 'query'>): void {
  server.get('/v1/events/:event/explanation', { schema: { querystring: QUERY } }, async (request, reply) => {
    const { event } = request.params as { readonly event: string }
    const { source = '' } = request.query as { readonly source?: string }
    const answer = await explainEvent(store, { tenant: request.principal.tenant, event, source })
    if (answer.found === 'none') return problem(reply, 404, 'no such event in this tenant')
    if (answer.found === 'several')
      return problem(reply, 409, `several sources use this event id, say which: ${answer.sources.join(', ')}`)
    return answer.explanation
  })
}

export type Explained =
  | { readonly found: 'one'; readonly explanation: Explanation }
  | { readonly found: 'none' }
  | { readonly found: 'several'; readonly sources: readonly string[] }

/** `source` may be empty as long as one PEP only uses the id. Rejects with StoreError. */
export async function explainEvent(
  store: Pick<Store, 'query'>,
  key: { readonly tenant: string; readonly event: string; readonly source: string },
): Promise<Explained> {
  const found = await store.query<Stored>(EVENT, key)
  const [one] = found
  if (one === undefined) return { found: 'none' }
  if (found.length > 1) return { found: 'several', sources: found.map(({ source }) => source) }
  return { found: 'one', explanation: await explain(store, one) }
}

interface Stored extends Omit<ExplainedEvent, 'refs'> {
  readonly ref_in: readonly Ref['in'][]
  readonly ref_kind: readonly string[]
  readonly ref_fp: readonly string[]
  readonly score: number
  readonly risk: number
  readonly action: string
  readonly baseline: string
  readonly ids: readonly string[]
  readonly strengths: readonly number[]
  readonly tails: readonly number[]
  readonly evidences: readonly number[]
  readonly reasons: readonly string[]
}

const EVENT = `SELECT tenant, agent_id AS agent, role, session_id AS session, source, event_id,
  toUnixTimestamp64Milli(events.time) AS time, server, tool, token, parameters,
  \`refs.in\` AS ref_in, \`refs.kind\` AS ref_kind, \`refs.fp\` AS ref_fp, score, risk, action, baseline,
  \`signal.by\` AS ids, \`signal.strength\` AS strengths, \`signal.tail\` AS tails, \`signal.evidence\` AS evidences,
  \`signal.reasons\` AS reasons
FROM events WHERE tenant = {tenant:String} AND event_id = {event:String}
  AND ({source:String} = '' OR source = {source:String}) LIMIT 2`

interface StoredBaseline {
  readonly version: string
  readonly state: BaselineState
  readonly parent: string
  readonly sessions: number
  readonly agents: number
  readonly days: number
  readonly from_day: string
  readonly to_day: string
  readonly threshold_nats: number
  readonly time_zone: string
}

const BASELINE = `SELECT version, state, parent, sessions, agents, days, toString(toDate(from_time)) AS from_day,
  toString(toDate(to_time)) AS to_day, threshold_nats, JSONExtractString(snapshot, 'timeZone') AS time_zone
FROM baselines FINAL WHERE tenant = {tenant:String} AND role = {role:String} AND version = {version:String} LIMIT 1`

async function explain(store: Pick<Store, 'query'>, stored: Stored): Promise<Explanation> {
  const refs = stored.ref_in.map((place, at) => ({
    in: place,
    kind: stored.ref_kind[at] ?? '',
    fp: stored.ref_fp[at] ?? '',
  }))
  const { tenant, agent, role, session, source, event_id, time, server, tool, token, parameters } = stored
  const event = {
    tenant,
    agent,
    role,
    session,
    source,
    event_id,
    time: Number(time),
    server,
    tool,
    token,
    parameters,
    refs,
  }
  const [baseline] = await store.query<StoredBaseline>(BASELINE, { tenant, role, version: stored.baseline })
  const check = async (number: ReproducedNumber): Promise<CheckedNumber> => ({
    ...number,
    rows: await store.query<Record<string, unknown>>(`${number.sql}\nLIMIT ${SHOWN}`),
  })
  const checkAll = async (numbers: readonly ReproducedNumber[]): Promise<readonly CheckedNumber[]> => {
    const checked: CheckedNumber[] = []
    for (const number of numbers) checked.push(await check(number))
    return checked
  }
  const signals: ExplainedSignal[] = []
  for (const [at, id] of stored.ids.entries()) {
    signals.push({
      id,
      strength: stored.strengths[at] ?? 0,
      tail: stored.tails[at] ?? 1,
      evidence: stored.evidences[at] ?? 0,
      reasons: JSON.parse(stored.reasons[at] ?? '[]') as readonly Reason[],
      numbers: baseline === undefined ? [] : await checkAll(numbersOf(id, event, windowOf(role, baseline))),
    })
  }
  const { score, risk, action } = stored
  const head = {
    agent,
    role,
    session,
    source,
    event_id,
    server,
    tool,
    token,
    score,
    risk,
    action,
    baseline: stored.baseline,
  }
  return {
    event: { ...head, time: new Date(event.time).toISOString() },
    ...(baseline && { baseline: shown(baseline) }),
    observed: await check(observedOf(event)),
    signals,
  }
}

function windowOf(role: string, { parent, from_day, to_day, time_zone }: StoredBaseline): LearntWindow {
  const roles = parent === '' ? [role] : [role, parent]
  return { roles, fromDay: from_day, toDay: to_day, timeZone: time_zone }
}

function shown({
  parent: _parent,
  time_zone: _zone,
  ...baseline
}: StoredBaseline): NonNullable<Explanation['baseline']> {
  return baseline
}
