import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { isInForce } from '../dispatch/lease.ts'
import { type Decision, type Posture, PostureError } from '../dispatch/posture.ts'
import { iso, type WireContainment, wireContainment, wireDecision } from '../dispatch/wire.ts'
import type { Lease, Level, Severity, Target } from '../model/index.ts'
import { type Every, streamDecisions } from './decision-stream.ts'
import { problem } from './server.ts'

/** The part of the dispatch desk that people and gateways reach over HTTP. */
export interface ContainmentDesk {
  contain(request: {
    readonly tenant: string
    readonly level: Level
    readonly target: Target
    readonly reason: string
    readonly severity: Severity
    readonly leaseMs: number
    readonly by: string
  }): Promise<Lease>
  renew(orderId: string, leaseMs: number, by: string): Promise<Lease | undefined>
  release(orderId: string, by: string, reason: string): Promise<Lease | undefined>
  acknowledge(
    orderId: string,
    word: {
      readonly status: 'applied' | 'duplicate' | 'unsupported' | 'not_found' | 'pending'
      readonly detail?: string
      readonly by: string
    },
  ): Promise<Lease | undefined>
}

export interface ContainmentParts {
  readonly posture: Posture
  readonly desk: ContainmentDesk
  /** as far as the agent's events were seen here */
  readonly roleOf: (tenant: string, agent: string) => string | undefined
  readonly now: () => number
  /** repeats until the returned function is called; for the stream's pings */
  readonly every: Every
}

/** A containment as people see it: what PEPs are told, and how it stands. */
export interface ContainmentRow extends WireContainment {
  readonly state: string
  readonly cause: string
  readonly event: { readonly source: string; readonly id: string; readonly call_id: string }
  readonly updated_at: string
  readonly applied_at?: string
  readonly released_by?: string
  readonly detail?: string
}

const RETRY_AFTER_S = 1

/** What PEPs ask, and what people do about containments: the contract's b.1 (late acknowledgement), b.2 and b.3. */
export function containmentRoutes(parts: ContainmentParts): FastifyPluginAsync {
  return async (server) => {
    server.setErrorHandler(async (error, _request, reply) => {
      if (!isUnavailable(error)) throw error
      // A PEP applies its own fail-open or fail-closed now.
      return problem(reply.header('retry-after', RETRY_AFTER_S), 503, error.message)
    })
    decisionRoutes(server, parts)
    readRoutes(server, parts)
    writeRoutes(server, parts)
  }
}

function decisionRoutes(server: FastifyInstance, { posture, roleOf, now, every }: ContainmentParts): void {
  server.get('/v1/decisions', { schema: { querystring: DECISION_QUERY } }, async (request, reply) => {
    const query = request.query as Readonly<
      Partial<Record<'session' | 'agent' | 'user' | 'server' | 'tool' | 'role', string>>
    >
    const { tenant } = request.principal
    const role = query.role ?? (query.agent === undefined ? undefined : roleOf(tenant, query.agent))
    const decision = await posture.decide({ ...query, ...(role === undefined ? {} : { role }), tenant }, now())
    const tag = tagOf(decision)
    reply.headers({ etag: tag, 'cache-control': 'private, no-cache' })
    if (request.headers['if-none-match'] === tag) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(wireDecision(decision)))
  })
  const streams = streamDecisions({ posture, now, every })
  server.addHook('preClose', async () => streams.close())
  server.get('/v1/decisions/stream', async (request, reply) => {
    if (!(await streams.open(request, reply))) return problem(reply, 503, 'too many streams are open; ask again later')
    return reply
  })
}

function readRoutes(server: FastifyInstance, { posture, now }: ContainmentParts): void {
  server.get('/v1/containments', { schema: { querystring: LIST_QUERY } }, async (request) => {
    const { active } = request.query as { readonly active?: boolean }
    const nowMs = now()
    const revision = await posture.revision()
    const leases = await posture.active(request.principal.tenant, nowMs)
    const shown = active === true ? leases.filter((lease) => isInForce(lease, nowMs)) : leases
    return { revision, containments: shown.map(containmentRow) }
  })
  server.get('/v1/containments/:id', async (request, reply) => {
    const lease = await owned(posture, request)
    return lease === undefined ? unknown(reply) : containmentRow(lease)
  })
}

function writeRoutes(server: FastifyInstance, { posture, desk }: ContainmentParts): void {
  server.post('/v1/containments', { schema: { body: CONTAIN_BODY } }, async (request, reply) => {
    const { action, target, reason, severity, lease_minutes: minutes } = request.body as ContainBody
    const { tenant, name: by } = request.principal
    if (target.kind === 'tenant' && target.id !== tenant)
      return problem(reply, 403, `the token reaches the tenant ${tenant} only`)
    const leaseMs = minutes * 60_000
    const lease = await desk.contain({ tenant, level: action, target, reason, severity, leaseMs, by })
    return reply.code(201).header('location', `/v1/containments/${lease.order.id}`).send(containmentRow(lease))
  })
  const release = async (request: Addressed, reply: FastifyReply, reason: string) => {
    if ((await owned(posture, request)) === undefined) return unknown(reply)
    const lease = await desk.release(idOf(request), request.principal.name, reason)
    return lease === undefined ? unknown(reply) : containmentRow(lease)
  }
  server.delete('/v1/containments/:id', async (request, reply) => release(request, reply, 'released'))
  server.post('/v1/containments/:id/release', { schema: { body: RELEASE_BODY } }, async (request, reply) =>
    release(request, reply, (request.body as { reason?: string } | null)?.reason ?? 'released'),
  )
  server.post('/v1/containments/:id/renew', { schema: { body: RENEW_BODY } }, async (request, reply) => {
    if ((await owned(posture, request)) === undefined) return unknown(reply)
    const { lease_minutes: minutes } = request.body as { readonly lease_minutes: number }
    const lease = await desk.renew(idOf(request), minutes * 60_000, request.principal.name)
    return lease === undefined ? unknown(reply) : containmentRow(lease)
  })
  const ack = { schema: { body: ACK_BODY } }
  server.post('/v1/containments/:id/ack', ack, async (request, reply) => {
    if ((await owned(posture, request)) === undefined) return unknown(reply)
    const { status, detail } = request.body as AckBody
    const word = { status, by: request.principal.name, ...(detail === undefined ? {} : { detail }) }
    const lease = await desk.acknowledge(idOf(request), word)
    return lease === undefined ? unknown(reply) : containmentRow(lease)
  })
}

interface Addressed {
  readonly params: unknown
  readonly principal: { readonly tenant: string; readonly name: string }
}

/** Another tenant's containment does not exist for whoever asks. */
async function owned(posture: Posture, request: Addressed): Promise<Lease | undefined> {
  const lease = await posture.get(idOf(request))
  return lease?.order.tenant === request.principal.tenant ? lease : undefined
}

function idOf(request: Addressed): string {
  return (request.params as { readonly id: string }).id
}

function unknown(reply: FastifyReply): FastifyReply {
  return problem(reply, 404, 'no such containment')
}

function isUnavailable(error: unknown): error is Error {
  return error instanceof PostureError || (error instanceof Error && 'code' in error && error.code === 'queue_timeout')
}

/** A decision is its own tag: three short words say all of it. */
function tagOf({ action, containmentId, expiresMs }: Decision): string {
  return `"${action}${containmentId === undefined ? '' : `.${containmentId}.${expiresMs ?? ''}`}"`
}

export function containmentRow(lease: Lease): ContainmentRow {
  const { evidence, cause } = lease.order
  return {
    ...wireContainment(lease),
    state: lease.state,
    cause,
    event: { source: evidence.source, id: evidence.id, call_id: evidence.callId },
    updated_at: iso(lease.updatedMs),
    ...(lease.appliedMs === undefined ? {} : { applied_at: iso(lease.appliedMs) }),
    ...(lease.releasedBy === undefined ? {} : { released_by: lease.releasedBy }),
    ...(lease.detail === undefined ? {} : { detail: lease.detail }),
  }
}

interface ContainBody {
  readonly action: Level
  readonly target: Target
  readonly reason: string
  readonly severity: Severity
  readonly lease_minutes: number
}

interface AckBody {
  readonly status: 'applied' | 'duplicate' | 'unsupported' | 'not_found' | 'pending'
  readonly detail?: string
}

const NAME = { type: 'string', minLength: 1, maxLength: 1024 }

const DECISION_QUERY = {
  type: 'object',
  properties: { session: NAME, agent: NAME, user: NAME, server: NAME, tool: NAME, role: NAME },
}

const LIST_QUERY = { type: 'object', properties: { active: { type: 'boolean' } } }

const CONTAIN_BODY = {
  type: 'object',
  required: ['action', 'target', 'reason'],
  additionalProperties: false,
  properties: {
    action: { enum: ['require_step_up', 'restrict_read_only', 'quarantine_tool', 'suspend_session'] },
    target: {
      type: 'object',
      required: ['kind', 'id'],
      additionalProperties: false,
      properties: {
        kind: { enum: ['session', 'agent', 'user', 'tool', 'server', 'role', 'tenant'] },
        id: NAME,
        agent: NAME,
      },
    },
    reason: { type: 'string', minLength: 1, maxLength: 2000 },
    severity: { enum: ['low', 'medium', 'high', 'critical'], default: 'high' },
    lease_minutes: { type: 'integer', minimum: 1, maximum: 43_200, default: 240 },
  },
}

const LEASE_MINUTES = { type: 'integer', minimum: 1, maximum: 43_200 }

const RENEW_BODY = {
  type: 'object',
  required: ['lease_minutes'],
  additionalProperties: false,
  properties: { lease_minutes: LEASE_MINUTES },
}

const RELEASE_BODY = {
  type: ['object', 'null'],
  properties: { reason: { type: 'string', minLength: 1, maxLength: 2000 } },
}

const ACK_BODY = {
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['applied', 'duplicate', 'unsupported', 'not_found', 'pending'] },
    detail: { type: 'string', maxLength: 500 },
  },
}
