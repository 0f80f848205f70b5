import type { FastifyInstance } from 'fastify'
import { diffSnapshots } from '../baseline/diff.ts'
import type { Snapshot } from '../baseline/snapshot.ts'
import type { BaselineState } from '../model/index.ts'
import type { Store } from '../store/store.ts'
import { problem } from './server.ts'

/** A published version of a role's baseline in `GET /v1/baselines/{role}/versions`, newest first. */
export interface BaselineVersion {
  readonly version: string
  readonly state: BaselineState
  readonly sessions: number
  readonly agents: number
  readonly days: number
  readonly created: string
  /** in force now */
  readonly current: boolean
  /** kept in force by a person: what is learnt meanwhile waits */
  readonly pinned: boolean
}

export interface BaselineVersionParts {
  readonly store: Pick<Store, 'query' | 'insert'>
  readonly now: () => number
}

const VERSION = { type: 'string', pattern: '^[0-9a-f]{16}$' }
const REASON = { type: 'string', minLength: 1, maxLength: 512 }
const DIFF_QUERY = {
  type: 'object',
  additionalProperties: false,
  required: ['before', 'after'],
  properties: { before: VERSION, after: VERSION },
}
const PIN_BODY = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'reason'],
  properties: { version: VERSION, reason: REASON },
}
const UNPIN_BODY = { type: 'object', additionalProperties: false, required: ['reason'], properties: { reason: REASON } }

/** Versions of baselines: which there are, what differs, and going back to one. */
export function baselineVersionRoutes(server: FastifyInstance, { store, now }: BaselineVersionParts): void {
  server.get('/v1/baselines/:role/versions', async (request) => {
    const { role } = request.params as { readonly role: string }
    const rows = await store.query<StoredVersion>(VERSIONS, { tenant: request.principal.tenant, role })
    return { versions: rows.map(versionRow) }
  })
  server.get('/v1/baseline-diff', { schema: { querystring: DIFF_QUERY } }, async (request, reply) => {
    const { before, after } = request.query as { readonly before: string; readonly after: string }
    const read = (version: string) => snapshotOf(store, request.principal.tenant, version)
    const [one, other] = [await read(before), await read(after)]
    if (one === undefined || other === undefined)
      return problem(reply, 404, `no baseline ${one === undefined ? before : after} in this tenant`)
    return diffSnapshots(one, other)
  })
  server.post('/v1/baselines/:role/rollback', { schema: { body: PIN_BODY } }, async (request, reply) => {
    const { role } = request.params as { readonly role: string }
    const { version, reason } = request.body as { readonly version: string; readonly reason: string }
    const { tenant, name } = request.principal
    const [row] = await store.query<Record<string, unknown>>(WHOLE, { tenant, role, version })
    if (row === undefined) return problem(reply, 404, `role ${role} has no baseline ${version} in this tenant`)
    const at = new Date(now()).toISOString()
    // The pin first: a learn job that ends in between must not take the place again.
    await store.insert('baseline_pins', [{ tenant, role, version, by: name, reason, at }])
    await store.insert('baselines', [{ ...row, created: at }])
    return { role, version, pinned: true }
  })
  server.post('/v1/baselines/:role/resume', { schema: { body: UNPIN_BODY } }, async (request) => {
    const { role } = request.params as { readonly role: string }
    const { reason } = request.body as { readonly reason: string }
    const { tenant, name } = request.principal
    await store.insert('baseline_pins', [
      { tenant, role, version: '', by: name, reason, at: new Date(now()).toISOString() },
    ])
    return { role, pinned: false }
  })
}

interface StoredVersion extends Omit<BaselineVersion, 'created' | 'current' | 'pinned'> {
  readonly created_ms: number
  readonly current: number | boolean
  readonly pinned: number | boolean
}

const VERSIONS = `SELECT version, state, sessions, agents, days, toUnixTimestamp64Milli(created) AS created_ms,
  (role, version) IN (SELECT role, version FROM current_baselines WHERE tenant = {tenant:String}) AS current,
  (role, version) IN (SELECT role, version FROM baseline_pins FINAL WHERE tenant = {tenant:String}) AS pinned
FROM baselines FINAL WHERE tenant = {tenant:String} AND role = {role:String} ORDER BY created DESC LIMIT 200`

const WHOLE = `SELECT tenant, role, version, state, parent, sessions, agents, days, from_time, to_time, threshold_nats, budget,
  achieved, snapshot FROM baselines FINAL
WHERE tenant = {tenant:String} AND role = {role:String} AND version = {version:String} LIMIT 1`

function versionRow({ created_ms, current, pinned, ...row }: StoredVersion): BaselineVersion {
  return {
    ...row,
    created: new Date(Number(created_ms)).toISOString(),
    current: Boolean(current),
    pinned: Boolean(pinned),
  }
}

const SNAPSHOT = `SELECT snapshot FROM baselines FINAL WHERE tenant = {tenant:String} AND version = {version:String} LIMIT 1`

async function snapshotOf(store: Pick<Store, 'query'>, tenant: string, version: string): Promise<Snapshot | undefined> {
  const [row] = await store.query<{ readonly snapshot: string }>(SNAPSHOT, { tenant, version })
  return row && (JSON.parse(row.snapshot) as Snapshot)
}
