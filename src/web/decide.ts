import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalJson, sha256Hex } from '../accept/canonical.ts'
import { DeliveryError } from '../accept/delivery.ts'
import { answerBusy, answerUnavailable, bodyOf, readBytes } from '../accept/http/body.ts'
import { decodeAll, type IngestOptions } from '../accept/http/routes.ts'
import type { Claim, Decided } from '../dispatch/approval.ts'
import { type Decision, type Posture, PostureError } from '../dispatch/posture.ts'
import type { Verdicts, VerdictWord } from '../dispatch/verdicts.ts'
import { queryOf } from '../dispatch/watch.ts'
import { wireDecision } from '../dispatch/wire.ts'
import type { ToolEvent } from '../model/index.ts'
import { callerOf } from './approvals.ts'
import { problem } from './server.ts'

export interface DecideParts {
  readonly ingest: IngestOptions
  readonly verdicts: Verdicts
  readonly posture: Pick<Posture, 'decide'>
  readonly approvals: { redeem(tenant: string, id: string, claim: Claim): Promise<Decided | undefined> }
}

const MEDIA_TYPES = ['application/cloudevents+json', 'application/json']
const MAX_BODY_BYTES = 256 * 1024
/** A PEP gives a decision 150 to 500 ms; whoever waits longer has applied its own rule. */
const TIMEOUT_MS = 500

/**
 * `POST /v1/decide`: a PEP sends a call's request event and is told, before the call runs, what the live path makes of
 * it. The event counts like one sent to `/v1/events`. 503 when the verdict did not come in time and nothing is known to
 * be contained: the PEP applies its own fail-open or fail-closed then.
 */
export function decideRoute(parts: DecideParts): FastifyPluginAsync {
  return async (server) => {
    readBytes(server, MEDIA_TYPES, MAX_BODY_BYTES)
    server.post('/v1/decide', { bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
      const { ingest } = parts
      const principal = ingest.principalOf(request)
      if (principal === undefined) return problem(reply, 401, 'the caller is not known')
      if (!ingest.delivery.hasRoom()) return answerBusy(reply)
      const body = await bodyOf(request, MAX_BODY_BYTES)
      const { events, outcomes } = decodeAll([body], principal, ingest)
      const [event] = events
      if (event === undefined) return problem(reply, 400, outcomes[0]?.rejected.error ?? 'send one event')
      if (event.data.phase !== 'request')
        return problem(reply, 400, 'send the event of phase `request`, before the call')
      return answer(parts, event, body, request, reply)
    })
  }
}

async function answer(
  parts: DecideParts,
  event: ToolEvent,
  body: Uint8Array,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { verdicts, posture, ingest } = parts
  try {
    const word = await verdicts.of(event, () => ingest.delivery.deliver([event], [], body.byteLength), TIMEOUT_MS)
    const decision = await posture.decide(queryOf(event), ingest.now())
    if (word === undefined && decision.action === 'allow') return unavailable(reply, 'the verdict did not come in time')
    const granted = decision.action === 'require_step_up' ? await redeem(parts, event, body, request) : undefined
    const action: Decision = granted?.kind === 'done' ? { action: 'allow' } : decision
    return reply.send({ ...wireDecision(action), ...verdictOf(word), ...stepUpOf(granted) })
  } catch (error) {
    if (error instanceof DeliveryError) return answerUnavailable(reply, error.message)
    if (error instanceof PostureError) return unavailable(reply, error.message)
    throw error
  }
}

function unavailable(reply: FastifyReply, why: string): FastifyReply {
  return problem(reply.header('retry-after', 1), 503, why)
}

/** An event may carry the step-up that its call was granted: `ext.step_up` with `id` and `nonce`. */
async function redeem(
  { approvals }: DecideParts,
  { tenant, data }: ToolEvent,
  body: Uint8Array,
  request: FastifyRequest,
): Promise<Decided | undefined> {
  const { id, nonce } = (data.ext?.step_up ?? {}) as { readonly id?: unknown; readonly nonce?: unknown }
  if (typeof id !== 'string' || typeof nonce !== 'string') return undefined
  const refused = { kind: 'refused', why: 'there is no such approval' } as const
  return (
    (await approvals.redeem(tenant, id, {
      agent: data.agent.id,
      session: data.session.id,
      server: data.server.id,
      tool: data.tool?.name ?? '',
      argsSha256: digestOf(body, data.args_sha256),
      caller: callerOf(request.principal),
      nonce,
      callId: data.call_id,
    })) ?? refused
  )
}

/** Of the arguments as they were sent: what is kept of them has its secrets taken out. */
function digestOf(body: Uint8Array, stated: string | undefined): string {
  const { data } = JSON.parse(Buffer.from(body).toString('utf8')) as { readonly data?: { readonly args?: unknown } }
  return data?.args === undefined ? (stated ?? '') : sha256Hex(canonicalJson(data.args))
}

function verdictOf(word: VerdictWord | undefined): object {
  return word === undefined ? { judged: false } : { judged: true, ...word }
}

function stepUpOf(granted: Decided | undefined): object {
  if (granted === undefined) return {}
  return { step_up: granted.kind === 'done' ? { status: 'granted' } : { status: 'refused', why: granted.why } }
}
