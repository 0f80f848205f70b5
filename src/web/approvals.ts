import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalJson, sha256Hex } from '../accept/canonical.ts'
import type { Approval, BoundCall, Claim, Decided, Vote } from '../dispatch/approval.ts'
import type { StepUp } from '../dispatch/approvals.ts'
import { PostureError } from '../dispatch/posture.ts'
import { iso, type WireApproval, wireApproval } from '../dispatch/wire.ts'
import type { Principal } from './auth.ts'
import { problem } from './server.ts'

/** The part of approvals that people and PEPs reach over HTTP. */
export interface ApprovalDesk {
  askForCall(tenant: string, call: BoundCall, args?: string): Promise<StepUp>
  answer(tenant: string, id: string, vote: Omit<Vote, 'atMs'>): Promise<Decided | undefined>
  redeem(tenant: string, id: string, claim: Claim): Promise<Decided | undefined>
  get(tenant: string, id: string): Promise<Approval | undefined>
  tenantOf(id: string): Promise<string | undefined>
  list(tenant: string): Promise<readonly Approval[]>
}

export interface ApprovalParts {
  readonly approvals: ApprovalDesk
  /** takes secrets out of arguments that people are to see */
  readonly redactArgs: (args: Readonly<Record<string, unknown>>) => unknown
  /** reads a chat tool's signed answer; undefined when it is not one. Absent where no webhook is configured. */
  readonly readAnswer?: (
    body: string,
    headers: FastifyRequest['headers'],
  ) =>
    | {
        readonly approvalId: string
        readonly verdict: 'approve' | 'deny'
        readonly by: string
        readonly reason: string
      }
    | undefined
}

const SHOWN_ARGS_CHARS = 4_000

/** Questions to people: a PEP asks about a call and redeems the answer; people, or a chat tool, answer. */
export function approvalRoutes(parts: ApprovalParts): FastifyPluginAsync {
  return async (server) => {
    server.setErrorHandler(async (error, _request, reply) => {
      if (error instanceof PostureError) return problem(reply.header('retry-after', 1), 503, error.message)
      throw error
    })
    stepUpRoutes(server, parts)
    peopleRoutes(server, parts)
    await server.register(answerRoute(parts))
  }
}

function stepUpRoutes(server: FastifyInstance, { approvals, redactArgs }: ApprovalParts): void {
  server.post('/v1/step-ups', { schema: { body: CALL_BODY } }, async (request, reply) => {
    const body = request.body as CallBody
    const call = boundCall(body, request)
    if (call === undefined) return problem(reply, 400, 'send `args` or `args_sha256`')
    const shown = body.args === undefined ? undefined : JSON.stringify(redactArgs(body.args)).slice(0, SHOWN_ARGS_CHARS)
    const asked = await approvals.askForCall(request.principal.tenant, call, shown)
    if (asked.kind === 'not-needed')
      return problem(reply, 409, `no step-up is asked of this call: the decision is ${asked.action}`)
    return reply.code(202).header('location', `/v1/step-ups/${asked.approval.id}`).send(wireStepUp(asked.approval))
  })
  server.get('/v1/step-ups/:id', async (request, reply) => {
    const approval = await approvals.get(request.principal.tenant, idOf(request))
    return approval?.call?.caller === callerOf(request.principal) ? wireStepUp(approval) : unknown(reply)
  })
  server.post('/v1/step-ups/:id/redeem', { schema: { body: REDEEM_BODY } }, async (request, reply) => {
    const body = request.body as RedeemBody
    const call = boundCall(body, request)
    if (call === undefined) return problem(reply, 400, 'send `args` or `args_sha256`')
    const claim = { ...call, nonce: body.nonce, callId: body.call_id }
    const redeemed = await approvals.redeem(request.principal.tenant, idOf(request), claim)
    if (redeemed === undefined) return unknown(reply)
    if (redeemed.kind === 'refused') return problem(reply, 409, redeemed.why)
    return { status: 'granted', id: redeemed.approval.id, containment_id: redeemed.approval.containmentId }
  })
}

function peopleRoutes(server: FastifyInstance, { approvals }: ApprovalParts): void {
  server.get('/v1/approvals', { schema: { querystring: LIST_QUERY } }, async (request) => {
    const { state } = request.query as { readonly state: string }
    const all = await approvals.list(request.principal.tenant)
    return { approvals: all.filter((one) => state === 'all' || one.state === state).map(wireApproval) }
  })
  server.get('/v1/approvals/:id', async (request, reply) => {
    const approval = await approvals.get(request.principal.tenant, idOf(request))
    return approval === undefined ? unknown(reply) : wireApproval(approval)
  })
  for (const verdict of ['approve', 'deny'] as const) {
    const url = `/v1/approvals/:id/${verdict}`
    server.post(url, { schema: { body: ANSWER_BODY } }, async (request, reply) => {
      const { tenant, name: by } = request.principal
      const { reason } = request.body as { readonly reason: string }
      return answered(reply, await approvals.answer(tenant, idOf(request), { by, verdict, reason }))
    })
  }
}

/** A chat tool has no token; the signature over the bytes it sent is its proof. */
function answerRoute({ approvals, readAnswer }: ApprovalParts): FastifyPluginAsync {
  return async (server) => {
    if (readAnswer === undefined) return
    server.removeAllContentTypeParsers()
    server.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: 65_536 }, (_request, body, done) =>
      done(null, body),
    )
    server.post('/v1/approvals/answers', async (request, reply) => {
      const answer = readAnswer(String(request.body), request.headers)
      if (answer === undefined)
        return problem(reply, 401, 'not an answer signed with the secret of the approval webhook')
      const { approvalId, verdict, by, reason } = answer
      const tenant = await approvals.tenantOf(approvalId)
      if (tenant === undefined) return unknown(reply)
      return answered(reply, await approvals.answer(tenant, approvalId, { by: `chat:${by}`, verdict, reason }))
    })
  }
}

function answered(reply: FastifyReply, decided: Decided | undefined): FastifyReply | WireApproval {
  if (decided === undefined) return unknown(reply)
  return decided.kind === 'refused' ? problem(reply, 409, decided.why) : wireApproval(decided.approval)
}

/** What the PEP that asked is told. */
function wireStepUp({ id, state, nonce, expiresMs, containmentId, call }: Approval) {
  return {
    id,
    state,
    nonce,
    args_sha256: call?.argsSha256,
    containment_id: containmentId,
    expires_at: iso(expiresMs),
  }
}

function boundCall(body: CallBody, request: FastifyRequest): BoundCall | undefined {
  const { agent, session, server, tool, args, args_sha256: stated } = body
  const argsSha256 = args === undefined ? stated : sha256Hex(canonicalJson(args))
  if (argsSha256 === undefined) return undefined
  return { agent, session, server, tool, argsSha256, caller: callerOf(request.principal) }
}

/** Without tokens the PEP and the person are both whoever is on this machine, and only their part tells them apart. */
export function callerOf({ name, anonymous }: Principal): string {
  return anonymous ? `${name} pep` : name
}

function idOf(request: FastifyRequest): string {
  return (request.params as { readonly id: string }).id
}

function unknown(reply: FastifyReply): FastifyReply {
  return problem(reply, 404, 'no such approval')
}

interface CallBody {
  readonly agent: string
  readonly session: string
  readonly server: string
  readonly tool: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly args_sha256?: string
}

interface RedeemBody extends CallBody {
  readonly nonce: string
  readonly call_id: string
}

const NAME = { type: 'string', minLength: 1, maxLength: 1024 }
const CALL = {
  agent: NAME,
  session: NAME,
  server: NAME,
  tool: NAME,
  args: { type: 'object' },
  args_sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
}
const CALL_BODY = { type: 'object', required: ['agent', 'session', 'server', 'tool'], properties: CALL }
const REDEEM_BODY = {
  type: 'object',
  required: [...CALL_BODY.required, 'nonce', 'call_id'],
  properties: { ...CALL, nonce: NAME, call_id: NAME },
}
const ANSWER_BODY = {
  type: 'object',
  required: ['reason'],
  properties: { reason: { type: 'string', minLength: 1, maxLength: 2000 } },
}
const LIST_QUERY = {
  type: 'object',
  properties: {
    state: { enum: ['pending', 'approved', 'denied', 'expired', 'superseded', 'used', 'all'], default: 'pending' },
  },
}
