import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { problem } from './server.ts'

/** A destination in `GET /v1/forward`. */
export interface DestinationRow {
  readonly name: string
  /** `open`: taken to be down, tried again with backoff */
  readonly circuit: 'closed' | 'open' | 'half-open'
  readonly waiting: number
  /** when the oldest of them was put, ISO 8601; absent when none waits */
  readonly oldest?: string
  readonly dead: number
}

/** What a receiver refused, in `GET /v1/forward/{name}/dead`. */
export interface DeadRow {
  readonly id: string
  readonly time: string
  /** what the receiver said */
  readonly why: string
  /** the notice as it was put, JSON */
  readonly body: string
}

/** What sends, as far as people see it. */
export interface Forwarding {
  status(): readonly {
    readonly name: string
    readonly circuit: DestinationRow['circuit']
    readonly waiting: number
    readonly oldestMs?: number
    readonly dead: number
  }[]
  has(name: string): boolean
  dead(
    name: string,
    limit: number,
  ): readonly { readonly id: string; readonly buriedMs: number; readonly why: string; readonly body: string }[]
  /** Says how many. */
  replay(name: string, ids?: readonly string[]): number
}

const LIMIT_QUERY = {
  type: 'object',
  properties: { limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 } },
} as const

const REPLAY_BODY = {
  type: 'object',
  properties: { ids: { type: 'array', maxItems: 10_000, items: { type: 'string', maxLength: 200 } } },
  additionalProperties: false,
} as const

/** Queues of the destinations of this process. */
export function forwardRoutes(forwarding: Forwarding): FastifyPluginAsync {
  return async (server: FastifyInstance) => {
    server.get('/v1/forward', async () => ({ destinations: forwarding.status().map(rowOf) }))
    server.get('/v1/forward/:name/dead', { schema: { querystring: LIMIT_QUERY } }, async (request, reply) => {
      const { name } = request.params as { readonly name: string }
      if (!forwarding.has(name)) return problem(reply, 404, 'no such destination')
      const { limit } = request.query as { readonly limit: number }
      return { dead: forwarding.dead(name, limit).map(deadRowOf) }
    })
    server.post('/v1/forward/:name/replay', { schema: { body: REPLAY_BODY } }, async (request, reply) => {
      const { name } = request.params as { readonly name: string }
      if (!forwarding.has(name)) return problem(reply, 404, 'no such destination')
      const { ids } = request.body as { readonly ids?: readonly string[] }
      return { replayed: forwarding.replay(name, ids) }
    })
  }
}

function rowOf({ name, circuit, waiting, oldestMs, dead }: ReturnType<Forwarding['status']>[number]): DestinationRow {
  return {
    name,
    circuit,
    waiting,
    ...(oldestMs !== undefined && { oldest: new Date(oldestMs).toISOString() }),
    dead,
  }
}

function deadRowOf({ id, buriedMs, why, body }: ReturnType<Forwarding['dead']>[number]): DeadRow {
  return { id, time: new Date(buriedMs).toISOString(), why, body }
}
