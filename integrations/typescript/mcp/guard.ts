import type { Call, Outcome } from '../events.ts'
import type { Pep } from '../pep.ts'
import { membersOf } from '../wire.ts'
import { asRequest, asResponse, metaOf, type RpcRequest, type RpcResponse, textOf } from './messages.ts'
import { outcomeOf, serverVersionOf } from './outcome.ts'
import type { Party } from './party.ts'
import { refused } from './refused.ts'
import type { ToolBook } from './tool-book.ts'

export interface GuardParts {
  readonly pep: Pep
  readonly tools: ToolBook
  readonly partyOf: (request: RpcRequest | undefined) => Party
  readonly now: () => number
}

/** What becomes of a message from a client. */
export type Passage =
  | { readonly kind: 'forward' }
  /** it goes no further; the client gets this, or nothing where nothing was asked */
  | { readonly kind: 'answer'; readonly response: RpcResponse | undefined }

/** Operations that nothing but a decision may let through. */
const GUARDED: ReadonlySet<string> = new Set(['tools/call', 'resources/read', 'prompts/get'])
/** Operations that are told of when they are over. */
const TOLD: ReadonlySet<string> = new Set([
  'initialize',
  'server/discover',
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'prompts/list',
])
/** What a server says or asks by itself. */
const NOTICED: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'sampling/createMessage',
  'elicitation/create',
])

const MAX_PENDING = 10_000
const FORWARD: Passage = { kind: 'forward' }

/**
 * Looks at the JSON-RPC messages between one client and one server: asks the PEP before a guarded call, tells it of
 * responses, and answers for the server when a call is refused. It changes no message, and lets every method that it
 * does not know pass as it is. MCP 2025-11-25 and 2026-07-28 alike: nothing here leans on a handshake.
 */
export class McpGuard {
  private readonly parts: GuardParts
  /** by request id: what waits for the response */
  private readonly pending = new Map<string | number, Pending>()
  /** guarded requests that are being decided, and whether the client took them back meanwhile */
  private readonly deciding = new Map<string | number, { isCancelled: boolean }>()

  constructor(parts: GuardParts) {
    this.parts = parts
  }

  /** A message on its way to the server. At once for all but guarded calls, so that their order stays. */
  toServer(message: unknown): Passage | Promise<Passage> {
    const request = asRequest(message)
    if (request === undefined) return FORWARD
    if (GUARDED.has(request.method)) {
      // Without an id it is a call whose result nobody would see: no client of MCP makes one.
      return hasId(request) ? this.guarded(request) : { kind: 'answer', response: undefined }
    }
    if (request.method === 'notifications/cancelled') return this.cancelled(request)
    if (TOLD.has(request.method) && hasId(request)) this.tell(request)
    return FORWARD
  }

  /** A message on its way to the client. */
  toClient(message: unknown): void {
    const response = asResponse(message)
    if (response !== undefined) {
      const pending = this.pending.get(response.id)
      this.pending.delete(response.id)
      pending?.answered(response)
      return
    }
    const request = asRequest(message)
    if (request !== undefined && NOTICED.has(request.method)) this.parts.pep.noticed(this.callOf(request))
  }

  /** The way to the server is at its end: what was not answered never will be. */
  end(outcome: Outcome): void {
    for (const pending of this.pending.values()) pending.lost?.(outcome)
    this.pending.clear()
  }

  private async guarded(request: Identified): Promise<Passage> {
    const call = this.callOf(request)
    const deciding = { isCancelled: false }
    this.deciding.set(request.id, deciding)
    const ruling = await this.parts.pep.before(call)
    this.deciding.delete(request.id)
    if (ruling.kind === 'refused') return { kind: 'answer', response: refused(request, ruling.refusal) }
    if (deciding.isCancelled) {
      ruling.done({ status: 'cancelled' })
      return { kind: 'answer', response: undefined }
    }
    this.await(request.id, {
      answered: (response) => ruling.done(outcomeOf(response)),
      lost: (outcome) => ruling.done(outcome),
    })
    return FORWARD
  }

  private cancelled({ params }: RpcRequest): Passage {
    const { requestId } = membersOf(params)
    const deciding =
      typeof requestId === 'string' || typeof requestId === 'number' ? this.deciding.get(requestId) : undefined
    if (deciding === undefined) return FORWARD
    deciding.isCancelled = true
    return { kind: 'answer', response: undefined }
  }

  private tell(request: Identified): void {
    const { pep, tools, now } = this.parts
    const startMs = now()
    // Over HTTP the answer to a handshake is the first to name the session.
    const known = request.method === 'initialize' ? undefined : this.callOf(request)
    const answered = (response: RpcResponse): void => {
      const call = known ?? this.callOf(request)
      const listed = request.method === 'tools/list' ? tools.learn(call.server.id, response.result?.tools) : undefined
      const version = serverVersionOf(response)
      const { sample: _, ...outcome } = outcomeOf(response)
      pep.observed(call, {
        ...outcome,
        durationMs: Math.max(0, now() - startMs),
        ...(listed !== undefined && { tools: listed, records: listed.length }),
        ...(version !== undefined && { serverVersion: version }),
      })
    }
    this.await(request.id, { answered })
  }

  private await(id: string | number, pending: Pending): void {
    this.pending.set(id, pending)
    const [oldest] = this.pending.keys()
    if (this.pending.size > MAX_PENDING && oldest !== undefined) this.pending.delete(oldest)
  }

  private callOf(request: RpcRequest): Call {
    const { agent, session, server, intent, auth, protocol } = this.parts.partyOf(request)
    const { name, uri, arguments: args } = membersOf(request.params)
    const isTool = request.method === 'tools/call'
    const target = textOf(uri) ?? (isTool ? undefined : textOf(name))
    const traceparent = textOf(metaOf(request.params).traceparent)
    return {
      op: request.method,
      agent,
      session,
      server,
      ...(isTool && { tool: this.parts.tools.get(server.id, textOf(name) ?? 'unnamed') }),
      ...(target !== undefined && { target }),
      ...(GUARDED.has(request.method) && { args: membersOf(args) }),
      ...(intent !== undefined && { intent }),
      ...(auth !== undefined && { auth }),
      ...(protocol !== undefined && { env: { protocol } }),
      ...(traceparent !== undefined && { trace: { traceparent } }),
    }
  }
}

interface Pending {
  answered(response: RpcResponse): void
  lost?(outcome: Outcome): void
}

type Identified = RpcRequest & { readonly id: string | number }

function hasId(request: RpcRequest): request is Identified {
  return typeof request.id === 'string' || typeof request.id === 'number'
}
