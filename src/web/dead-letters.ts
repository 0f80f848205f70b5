import type { FastifyInstance } from 'fastify'
import type { Store } from '../store/store.ts'
import { ANONYMOUS, hasScope, type Principal } from './auth.ts'
import { problem } from './server.ts'

/** A dead letter in `GET /v1/dead-letters`. */
export interface DeadLetterRow {
  /** origin, position and a digest of the bytes, joined by `@` */
  readonly id: string
  readonly origin: string
  readonly position: number
  readonly received: string
  readonly reason: string
  /** a sentence that says what to do */
  readonly error: string
  readonly pointer: string
  readonly bytes: number
  readonly replayed: string | null
}

export interface DeadLetterDetail extends DeadLetterRow {
  /** the original bytes, cut at 256 KiB */
  readonly base64: string
}

interface Parts {
  readonly store: Pick<Store, 'query' | 'insert'>
  readonly now: () => number
}

/** A letter whose sender is not known may be anyone's: only an admin of the tenant that needs no name sees it. */
export function deadLetterRoutes(server: FastifyInstance, { store, now }: Parts): void {
  const letters = async (principal: Principal, id: string, reason: string, limit: number) =>
    store.query<StoredLetter>(id === '' ? LETTERS : LETTER, {
      tenants: mayBeAnyones(principal) ? [principal.tenant, ''] : [principal.tenant],
      id,
      reason,
      limit,
    })
  server.get('/v1/dead-letters', { schema: { querystring: LETTERS_QUERY } }, async (request) => {
    const { reason = '', limit } = request.query as { readonly reason?: string; readonly limit: number }
    return { dead_letters: (await letters(request.principal, '', reason, limit)).map(letterRow) }
  })
  server.get('/v1/dead-letters/:id', async (request, reply) => {
    const { id } = request.params as { readonly id: string }
    const [letter] = await letters(request.principal, id, '', 1)
    if (!letter) return problem(reply, 404, 'no such dead letter')
    return { ...letterRow(letter), base64: letter.base64 ?? '' } satisfies DeadLetterDetail
  })
  server.post('/v1/dead-letters/:id/replay', async (request, reply) => {
    const { id } = request.params as { readonly id: string }
    const [letter] = await letters(request.principal, id, '', 1)
    if (!letter) return problem(reply, 404, 'no such dead letter')
    const answer = await server.inject({
      method: 'POST',
      url: '/v1/events',
      headers: {
        'content-type': 'application/cloudevents+json',
        host: request.headers.host ?? 'localhost',
        ...(request.headers.authorization && { authorization: request.headers.authorization }),
      },
      payload: Buffer.from(letter.base64 ?? '', 'base64'),
    })
    if (answer.statusCode < 300) {
      const replayed = { origin: letter.origin, position: letter.position, replayed_at: now() / 1000 }
      await store.insert('dead_letter_replays', [replayed])
    }
    return reply.code(answer.statusCode).type(String(answer.headers['content-type'])).send(answer.payload)
  })
}

function mayBeAnyones(principal: Principal): boolean {
  return principal.tenant === ANONYMOUS.tenant && hasScope(principal, ['admin'])
}

const LETTERS_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    reason: { type: 'string', enum: ['json', 'schema', 'signature', 'size', 'time', 'handler'] },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 50 },
  },
}

/** Times in Unix milliseconds. */
interface StoredLetter extends Omit<DeadLetterRow, 'received' | 'replayed' | 'bytes'> {
  readonly received: number
  readonly replayed: number | null
  readonly size: number
  readonly base64?: string
}

const ID = `concat(origin, '@', toString(position), '@', lower(hex(sipHash64(bytes, pointer))))`
const COLUMNS = `${ID} AS id, origin, position, toUnixTimestamp64Milli(dead_letters.received) AS received, reason, error, pointer,
  length(bytes) AS size, toUnixTimestamp64Milli(replayed_at) AS replayed`
const LETTERS = `SELECT ${COLUMNS} FROM dead_letters
WHERE has({tenants:Array(String)}, tenant) AND ({reason:String} = '' OR reason = {reason:String})
ORDER BY dead_letters.received DESC LIMIT {limit:UInt32}`
const LETTER = `SELECT ${COLUMNS}, base64Encode(bytes) AS base64 FROM dead_letters
WHERE has({tenants:Array(String)}, tenant) AND ${ID} = {id:String} LIMIT {limit:UInt32}`

function letterRow({ size, base64: _base64, received, replayed, ...letter }: StoredLetter): DeadLetterRow {
  const iso = (atMs: number): string => new Date(atMs).toISOString()
  return { ...letter, received: iso(received), bytes: size, replayed: replayed === null ? null : iso(replayed) }
}
