import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { DeliveryError } from './delivery.ts'
import { answerBusy, answerUnavailable, answerUnknown, BodyError, bodyOf, readBytes } from './http/body.ts'
import { decodeAll, type IngestOptions, MAX_BODY_BYTES } from './http/routes.ts'
import { eventsOfLogs } from './otlp/logs.ts'
import { eventsOfTraces } from './otlp/spans.ts'

/** What OTLP calls the entries of an export that were not taken. */
interface Signal {
  readonly path: string
  readonly eventsOf: (body: unknown) => object[]
  readonly rejected: 'rejectedSpans' | 'rejectedLogRecords'
}

const SIGNALS: readonly Signal[] = [
  { path: '/v1/traces', eventsOf: eventsOfTraces, rejected: 'rejectedSpans' },
  { path: '/v1/logs', eventsOf: eventsOfLogs, rejected: 'rejectedLogRecords' },
]

/**
 * `POST /v1/traces` and `/v1/logs`: OTLP/HTTP in JSON. Answers as an OTLP receiver: 200 once the events are durable,
 * with `partialSuccess` when entries that should be events are none. Entries about other things are ignored.
 */
export function otlpRoutes(options: IngestOptions): FastifyPluginAsync {
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
  return async function otlp(server) {
    readBytes(server, ['application/json'], maxBodyBytes)
    const route = { bodyLimit: maxBodyBytes }
    for (const signal of SIGNALS)
      server.post(signal.path, route, async (request, reply) => {
        const principal = options.principalOf(request)
        if (principal === undefined) return answerUnknown(reply)
        if (!options.delivery.hasRoom()) return answerBusy(reply)
        const body = await bodyOf(request, maxBodyBytes)
        const { events, outcomes } = decodeAll(signal.eventsOf(parse(body)), principal, options)
        const rejected = outcomes.map((one) => one.rejected)
        try {
          await options.delivery.deliver(events, rejected, body.byteLength)
        } catch (error) {
          if (error instanceof DeliveryError) return answerUnavailable(reply, error.message)
          throw error
        }
        return answer(reply, signal, rejected.length, rejected[0]?.error)
      })
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new BodyError(400, 'the body is not valid JSON: send an OTLP export request as JSON', { cause })
  }
}

function answer(reply: FastifyReply, signal: Signal, count: number, errorMessage: string | undefined): FastifyReply {
  return reply.code(200).send(count > 0 ? { partialSuccess: { [signal.rejected]: String(count), errorMessage } } : {})
}
