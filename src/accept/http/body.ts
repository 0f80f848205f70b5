import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerProblem } from './problem.ts'

const inflate = promisify(gunzip)

/** A request's body that cannot be read, with the HTTP status that says why. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly statusCode: 400 | 413 | 415
  constructor(statusCode: 400 | 413 | 415, message: string, options?: ErrorOptions) {
    super(message, options)
    this.statusCode = statusCode
  }
}

/** Makes routes of this scope receive these media types as bytes, any other as 415, and errors as problem details. */
export function readBytes(server: FastifyInstance, mediaTypes: readonly string[], maxBodyBytes: number): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser([...mediaTypes], { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_request, body, done) =>
    done(null, body),
  )
  server.setErrorHandler((error: FastifyError | BodyError, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) throw error
    return answerProblem(reply, status, explain(status, error, mediaTypes, maxBodyBytes))
  })
}

function explain(status: number, error: Error, mediaTypes: readonly string[], maxBodyBytes: number): string {
  if (error instanceof BodyError) return error.message
  if (status === 415) return `send one of ${mediaTypes.join(', ')}`
  if (status === 413) return `the body is larger than ${maxBodyBytes} bytes: send smaller batches`
  return error.message
}

/** The request's body, inflated. Throws BodyError. */
export async function bodyOf(request: FastifyRequest, maxBodyBytes: number): Promise<Uint8Array> {
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array()
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding === 'identity') return body
  if (encoding !== 'gzip') throw new BodyError(415, 'send the body as it is or with content-encoding: gzip')
  try {
    return await inflate(body, { maxOutputLength: maxBodyBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new BodyError(413, `the body inflates to more than ${maxBodyBytes} bytes: send smaller batches`, { cause })
    throw new BodyError(400, 'the body is not valid gzip', { cause })
  }
}

const RETRY_AFTER_SECONDS = 1

export function answerBusy(reply: FastifyReply): FastifyReply {
  reply.header('retry-after', RETRY_AFTER_SECONDS)
  return answerProblem(reply, 429, 'more events wait than may wait: send again later')
}

export function answerUnavailable(reply: FastifyReply, detail: string): FastifyReply {
  reply.header('retry-after', RETRY_AFTER_SECONDS)
  return answerProblem(reply, 503, detail)
}

export function answerUnknown(reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Bearer realm="belay"')
  return answerProblem(reply, 401, 'send `Authorization: Bearer <token>` with a token that Belay knows')
}
