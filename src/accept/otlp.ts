import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { DeliveryError } from './delivery.ts'
import { answerBusy, answerUnavailable, answerUnknown, BodyError, bodyOf, readBytes } from './http/body.ts'
import { decodeAll, type IngestOptions, MAX_BODY_BYTES } from './http/routes.ts'
import { eventsOfTraces } from './otlp/spans.ts'

/**
 * `POST /v1/traces`: OTLP/HTTP in JSON. Answers as an OTLP receiver: 200 once the events are durable, with
 * `partialSuccess` when spans that should be events are none. Spans about other things are ignored.
 */
export function otlpRoutes(options: IngestOptions): FastifyPluginAsync {
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
  return async function otlp(server) {
    readBytes(server, ['application/json'], maxBodyBytes)
    server.post(
      '/v1/traces',
      { bodyLimit: maxBodyBytes, config: options.routeConfig ?? {} },
      async (request, reply) => {
        const principal = options.principalOf(request)
        if (principal === undefined) return answerUnknown(reply)
        if (!options.delivery.hasRoom()) return answerBusy(reply)
        const body = await bodyOf(request, maxBodyBytes)
        const bodies = eventsOfTraces(parse(body))
        const { events, outcomes } = decodeAll(bodies, principal, options)
        const rejected = outcomes.map((one) => one.rejected)
        try {
          await options.delivery.deliver(events, rejected, body.byteLength)
        } catch (error) {
          if (error instanceof DeliveryError) return answerUnavailable(reply, error.message)
          throw error
        }
        return answer(reply, rejected.length, rejected[0]?.error)
      },
    )
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw new BodyError(400, 'the body is not valid JSON: send an OTLP ExportTraceServiceRequest as JSON', { cause })
  }
}

function answer(reply: FastifyReply, rejectedSpans: number, errorMessage: string | undefined): FastifyReply {
  const isPartial = rejectedSpans > 0
  return reply
    .code(200)
    .send(isPartial ? { partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage } } : {})
}
