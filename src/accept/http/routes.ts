import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Rejected, RejectReason, ToolEvent } from '../../model/index.ts'
import type { Binding, Decoder } from '../decode.ts'
import { type Delivery, DeliveryError, type IngestPrincipal } from '../delivery.ts'
import { answerBusy, answerUnavailable, answerUnknown, BodyError, bodyOf, readBytes } from './body.ts'
import { answerProblem } from './problem.ts'
import { isArray, splitArray, splitLines } from './split.ts'

export interface IngestOptions {
  readonly decode: Decoder
  readonly delivery: Delivery
  /** who sends; undefined answers 401 */
  readonly principalOf: (request: FastifyRequest) => IngestPrincipal | undefined
  /** Unix milliseconds */
  readonly now: () => number
  /** bytes of a body at most, as sent and inflated (default 16 MiB) */
  readonly maxBodyBytes?: number
}

export const MAX_BODY_BYTES = 16 * 1024 * 1024

const MEDIA_TYPES = [
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'application/json',
  'application/x-ndjson',
]

/** What one item of a request came to. */
export interface Outcome {
  readonly index: number
  readonly rejected: Rejected
}

/**
 * `POST /v1/events`: one CloudEvent, a JSON array of them, or one per line; gzip welcome. 202 once what was good is
 * durable, with what was not good listed; a problem document (RFC 9457) when nothing was good.
 */
export function eventRoutes(options: IngestOptions): FastifyPluginAsync {
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
  return async function ingest(server) {
    readBytes(server, MEDIA_TYPES, maxBodyBytes)
    server.post('/v1/events', { bodyLimit: maxBodyBytes }, async (request, reply) => {
      const principal = options.principalOf(request)
      if (principal === undefined) return answerUnknown(reply)
      if (!options.delivery.hasRoom()) return answerBusy(reply)
      const items = itemsOf(request, await bodyOf(request, maxBodyBytes))
      return take(items, principal, options, reply)
    })
  }
}

/** The events of a body, as bytes. */
function itemsOf(request: FastifyRequest, body: Uint8Array): readonly Uint8Array[] {
  const mediaType = request.headers['content-type'] ?? ''
  if (mediaType.startsWith('application/x-ndjson')) return splitLines(body)
  const isBatch = mediaType.startsWith('application/cloudevents-batch+json')
  if (!isBatch && !isArray(body)) return [body]
  const items = splitArray(body)
  if (items === undefined) throw new BodyError(400, 'the body is not a whole JSON array: send `[event, event, …]`')
  return items
}

async function take(
  items: readonly Uint8Array[],
  principal: IngestPrincipal,
  options: IngestOptions,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { events, outcomes } = decodeAll(items, principal, options)
  try {
    const rejected = outcomes.map((one) => one.rejected)
    await options.delivery.deliver(events, rejected, totalBytes(items))
  } catch (error) {
    if (error instanceof DeliveryError) return answerUnavailable(reply, error.message)
    throw error
  }
  if (events.length === 0 && outcomes.length > 0) return answerNothingTaken(reply, outcomes)
  return reply.code(202).send({ accepted: events.length, rejected: outcomes.map(described) })
}

/** Synchronous up to `deliver`, so that positions rise in the order of delivery. */
export function decodeAll(
  items: readonly (Uint8Array | object)[],
  { tenant, sources }: IngestPrincipal,
  options: IngestOptions,
) {
  const binding: Binding = { ...(tenant !== undefined && { tenant }), ...(sources !== undefined && { sources }) }
  const receivedMs = options.now()
  const events: ToolEvent[] = []
  const outcomes: Outcome[] = []
  for (const [index, body] of items.entries()) {
    const { origin, position } = options.delivery.place()
    const decoded = options.decode({ body, origin, position, receivedMs, binding })
    if (decoded.ok) events.push(decoded.event)
    else outcomes.push({ index, rejected: decoded.rejected })
  }
  return { events, outcomes }
}

function totalBytes(items: readonly Uint8Array[]): number {
  return items.reduce((sum, item) => sum + item.byteLength, 0)
}

const STATUS: Readonly<Record<RejectReason, number>> = {
  json: 400,
  schema: 400,
  time: 400,
  handler: 400,
  signature: 403,
  size: 413,
}

function answerNothingTaken(reply: FastifyReply, outcomes: readonly Outcome[]): FastifyReply {
  const [first, ...others] = outcomes.map((one) => STATUS[one.rejected.reason])
  const status = first !== undefined && others.every((one) => one === first) ? first : 400
  const rejected = outcomes[0]?.rejected
  const detail =
    outcomes.length === 1 && rejected !== undefined ? rejected.error : 'no event could be taken, see errors'
  const pointer = outcomes.length === 1 ? { pointer: rejected?.pointer } : {}
  return answerProblem(reply, status, detail, { ...pointer, errors: outcomes.map(described) })
}

function described({ index, rejected }: Outcome): Readonly<Record<string, unknown>> {
  const { reason, error, pointer, bytes } = rejected
  return { index, id: idOf(bytes), reason, ...(pointer !== undefined && { pointer }), detail: error }
}

/** The id of an event that was not taken, where it can be read. */
function idOf(bytes: Uint8Array): string | undefined {
  try {
    const { id } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { id?: unknown }
    return typeof id === 'string' ? id.slice(0, 128) : undefined
  } catch {
    return undefined
  }
}
