import type { FastifyPluginAsync } from 'fastify'
import { HUNT_LIMITS, HuntFailed } from '../store/hunt/run.ts'
import { HuntRefused } from '../store/hunt/tokens.ts'
import { type Hunt, readHunts } from '../store/hunts.ts'
import type { HuntRequest, Store } from '../store/store.ts'
import { problem } from './server.ts'

/** Answer of `POST /v1/hunt` in JSON. */
export interface HuntAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
  /** there were more rows than were asked for */
  readonly truncated: boolean
}

interface HuntBody {
  readonly sql?: string
  readonly hunt?: string
  readonly parameters?: Readonly<Record<string, string | number | readonly string[]>>
  readonly format?: 'json' | 'csv' | 'parquet'
  readonly limit?: number
}

const FORMATS = { json: 'JSONCompact', csv: 'CSVWithNames', parquet: 'Parquet' } as const
const MEDIA = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
} as const
/** Hunts at once; each may use HUNT_LIMITS. */
const AT_ONCE = 2
const MOST_ROWS = 100_000

/** Analysts' SQL, or a named hunt, over the caller's own tenant. */
export function huntRoutes(store: Pick<Store, 'hunt'>): FastifyPluginAsync {
  const hunts = new Map(readHunts().map((hunt) => [hunt.name, hunt]))
  let running = 0
  return async (server) => {
    server.get('/v1/hunts', async () => ({ hunts: [...hunts.values()] }))
    server.post('/v1/hunt', { schema: { body: BODY } }, async (request, reply) => {
      const {
        sql,
        hunt: name,
        parameters = {},
        format = 'json',
        limit = HUNT_LIMITS.maxRows,
      } = request.body as HuntBody
      const named = name === undefined ? undefined : hunts.get(name)
      const text = sql ?? named?.sql
      if (text === undefined || (sql !== undefined && name !== undefined))
        return problem(reply, 400, `send \`sql\`, or the name of a hunt: ${[...hunts.keys()].join(', ')}`)
      if (running >= AT_ONCE) return problem(reply.header('retry-after', 1), 429, 'other hunts are running; try again')
      running++
      try {
        const answer = await store.hunt({
          tenant: request.principal.tenant,
          sql: text,
          parameters: { ...standards(named), ...parameters },
          format: FORMATS[format],
          limits: { maxRows: format === 'json' ? limit + 1 : limit },
        } satisfies HuntRequest)
        return reply.type(MEDIA[format]).send(format === 'json' ? answerOf(answer, limit) : Buffer.from(answer))
      } catch (error) {
        if (error instanceof HuntRefused || error instanceof HuntFailed) return problem(reply, 400, error.message)
        throw error
      } finally {
        running--
      }
    })
  }
}

function standards(hunt: Hunt | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(hunt?.parameters.map(({ name, standard }) => [name, standard]) ?? [])
}

function answerOf(bytes: Uint8Array, limit: number): HuntAnswer {
  const { meta, data } = JSON.parse(Buffer.from(bytes).toString()) as {
    readonly meta: HuntAnswer['columns']
    readonly data: HuntAnswer['rows']
  }
  return { columns: meta, rows: data.slice(0, limit), truncated: data.length > limit }
}

const BODY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sql: { type: 'string', maxLength: 20_000 },
    hunt: { type: 'string', maxLength: 100 },
    parameters: {
      type: 'object',
      maxProperties: 20,
      propertyNames: { pattern: '^[a-z][a-z0-9_]{0,40}$' },
      additionalProperties: {
        anyOf: [
          { type: 'number' },
          { type: 'string', maxLength: 2_000 },
          { type: 'array', maxItems: 1_000, items: { type: 'string', maxLength: 2_000 } },
        ],
      },
    },
    format: { enum: ['json', 'csv', 'parquet'] },
    limit: { type: 'integer', minimum: 1, maximum: MOST_ROWS },
  },
}
