import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { AuthInfo, DecisionInfo } from '../../src/model/event.ts'
import { Api, type ApiOptions } from './api.ts'
import { CircuitBreaker } from './breaker.ts'
import { Callbacks } from './callbacks.ts'
import { type Clock, systemClock } from './clock.ts'
import { Containments, type Query } from './containments.ts'
import { type Decision, Decisions } from './decisions.ts'
import { type Call, Events, type Outcome } from './events.ts'
import { Feed } from './feed.ts'
import { Outbox, type OutboxCounts } from './outbox.ts'
import { Redactor } from './redact.ts'
import { refsOf } from './refs.ts'
import { type Refusal, refusal } from './refusal.ts'
import { StepUps } from './step-ups.ts'
import { type ToolClass, ToolClasses } from './tool-class.ts'

export interface PepOptions extends ApiOptions {
  /** this PEP, a URI; the token may be bound to a prefix of it (default `urn:pep:typescript:<host>:<random>`) */
  readonly source?: string
  /** `server/tool` or `tool`: what may be called under `restrict_read_only`, before any server's word */
  readonly readOnlyTools?: readonly string[]
  /** classes of tools whose calls are held when nobody can say whether they are contained (default: none) */
  readonly failClosed?: readonly ToolClass[]
  /** send each call to `/v1/decide` and wait for its verdict, so that the call that gives an attack away is held too */
  readonly judgeFirst?: boolean
  /** `full`: arguments, task and result without secrets; `refs`: keyed fingerprints of destinations only (default `full`) */
  readonly content?: 'full' | 'refs'
  /** key of the marks and fingerprints; Belay's `refs.key` makes them comparable (default: random, by process) */
  readonly key?: string | Uint8Array
  /** secrets of Belay's callbacks, `whsec_…`, where `callbacks` is used */
  readonly callbackSecrets?: readonly string[]
  /** time a call waits for a decision at most, 150 to 500 (default 300) */
  readonly decisionTimeoutMs?: number
  /** events that may wait for Belay (default 10,000, and 32 MiB) */
  readonly maxQueued?: number
  /** told what went wrong off the path of the calls; must not throw */
  readonly onError?: (why: Error) => void
  readonly clock?: Clock
}

/** Whether a call may be made. */
export type Ruling =
  /** `done` must be called with what became of it */
  | { readonly kind: 'pass'; readonly callId: string; done(outcome: Outcome): void }
  | { readonly kind: 'refused'; readonly callId: string; readonly refusal: Refusal }

const HEARTBEAT_MS = 30_000
const STEP_UP_TIMEOUT_MS = 3_000
const MAX_QUEUED_BYTES = 32 * 1024 * 1024
const READS: ReadonlySet<string> = new Set(['resources/read', 'prompts/get'])

/**
 * A policy enforcement point: asks before a call, holds what is contained, tells Belay of every call. No call waits for
 * an event to be sent, and none longer than `decisionTimeoutMs` for a decision (a step-up asks people, which takes as
 * long as Belay needs to answer that it did).
 *
 * ```ts
 * const pep = new Pep({ url: 'http://127.0.0.1:7300', token })
 * const ruling = await pep.before({ op: 'tools/call', agent, session, server, tool: { name }, args })
 * if (ruling.kind === 'refused') return ruling.refusal.message
 * const result = await run(name, args)
 * ruling.done({ status: 'ok', sample: result })
 * ```
 */
export class Pep {
  readonly source: string
  readonly callbacks: Callbacks
  readonly containments = new Containments()
  private readonly classes: ToolClasses
  private readonly failClosed: ReadonlySet<ToolClass>
  private readonly judgeFirst: boolean
  private readonly clock: Clock
  private readonly events: Events
  private readonly outbox: Outbox
  private readonly feed: Feed
  private readonly decisions: Decisions
  private readonly stepUps: StepUps
  private stopHeartbeat: () => void = () => undefined

  constructor(options: PepOptions) {
    const {
      clock = systemClock,
      key = randomBytes(32),
      failClosed = [],
      judgeFirst = false,
      readOnlyTools = [],
    } = options
    const api = new Api(options)
    const failed = options.onError ?? (() => undefined)
    const { containments } = this
    const redactor = new Redactor(key)
    const isFull = options.content !== 'refs'
    const timeoutMs = options.decisionTimeoutMs ?? 300
    this.source = options.source ?? `urn:pep:typescript:${hostname()}:${randomBytes(4).toString('hex')}`
    this.clock = clock
    this.judgeFirst = judgeFirst
    this.failClosed = new Set(failClosed)
    this.classes = new ToolClasses(readOnlyTools)
    this.callbacks = new Callbacks(options.callbackSecrets ?? [], containments, clock)
    this.events = new Events({
      source: this.source,
      redactor,
      content: isFull ? { kind: 'full' } : { kind: 'refs', refs: (parts) => refsOf(key, parts) },
      newId: randomUUID,
      now: () => clock.now(),
    })
    const limits = { events: options.maxQueued ?? 10_000, bytes: MAX_QUEUED_BYTES }
    this.outbox = new Outbox({ api, clock, random: Math.random, limits, failed })
    this.feed = new Feed({ api, containments, clock, random: Math.random, failed })
    const breaker = new CircuitBreaker(clock)
    this.decisions = new Decisions({ api, containments, feed: this.feed, breaker, clock, timeoutMs, failed })
    const shown = (args: Readonly<Record<string, unknown>>) =>
      isFull && redactor.value(args).pointers.length === 0 ? args : undefined
    this.stepUps = new StepUps({ api, timeoutMs: STEP_UP_TIMEOUT_MS, shown, failed })
    this.feed.start()
    this.beat()
  }

  /** Whether the stream of decisions is at hand: calls are decided without asking anybody. */
  get isFresh(): boolean {
    return this.feed.isFresh
  }

  /** Of the events. */
  get counts(): OutboxCounts {
    return this.outbox.counts
  }

  /** Decides about a call and tells Belay of it. Never rejects. */
  async before(call: Call): Promise<Ruling> {
    const callId = randomUUID()
    const decision = await this.decide(call, callId)
    const held = await this.heldBy(call, callId, decision)
    if (held.kind === 'held') return this.refuse(call, callId, decision, held.refusal)
    const told: DecisionInfo = { ...infoOf(decision), enforced: false }
    if (!this.judgeFirst) this.outbox.push(this.events.request(call, callId, told))
    const startMs = this.clock.now()
    return {
      kind: 'pass',
      callId,
      done: (outcome) => {
        const durationMs = Math.max(0, this.clock.now() - startMs)
        this.outbox.push(this.events.response(call, callId, told, { ...outcome, durationMs, ...held.auth }))
      },
    }
  }

  /** Tells of an operation that is over and that nobody decides about: a handshake, a list. */
  observed(call: Call, outcome: Outcome & { readonly durationMs?: number }): void {
    this.outbox.push(this.events.response(call, randomUUID(), { origin: 'none' }, outcome))
  }

  /** Tells of an operation that a server asks for, or of a notice from it. */
  noticed(call: Call): void {
    this.outbox.push(this.events.request(call, randomUUID(), { origin: 'none' }))
  }

  /** Resolves when every event so far was sent, or when the time is over. */
  flush(timeoutMs: number): Promise<void> {
    return this.outbox.flush(timeoutMs)
  }

  /** Sends what waits, within the time, and stops. Calls that come later are decided as when Belay is away. */
  async close(timeoutMs = 2_000): Promise<void> {
    this.stopHeartbeat()
    this.feed.stop()
    await this.outbox.flush(timeoutMs)
    this.outbox.close()
  }

  private async decide(call: Call, callId: string): Promise<Decision> {
    const { agent, session, server, tool } = call
    const query: Query = {
      session: session.id,
      agent: agent.id,
      server: server.id,
      ...(agent.role !== undefined && { role: agent.role }),
      ...(agent.on_behalf_of !== undefined && { user: agent.on_behalf_of }),
      ...(tool !== undefined && { tool: tool.name }),
    }
    const classes = READS.has(call.op)
      ? (['read-only'] as const)
      : this.classes.of(server.id, tool?.name ?? '', tool?.annotations)
    const failClosed = classes.some((one) => this.failClosed.has(one))
    if (!this.judgeFirst) return this.decisions.of(query, failClosed)
    const event = this.events.request(call, callId, { origin: 'query', enforced: false })
    const { decision, isTaken } = await this.decisions.ofEvent(query, event, failClosed)
    if (!isTaken) this.outbox.push(event)
    return decision
  }

  private async heldBy(call: Call, callId: string, decision: Decision): Promise<Held> {
    const { action, containmentId, expiresMs, origin } = decision
    const held = (code: Refusal['code'], approvalId?: string): Held => ({
      kind: 'held',
      refusal: refusal(code, action, { containmentId, expiresMs, approvalId }),
    })
    switch (action) {
      case 'allow':
      case 'monitor':
        return origin === 'fail-closed' ? held('decision_unavailable') : FREE
      case 'suspend_session':
        return held('suspended')
      case 'quarantine_tool':
        return held('quarantined')
      case 'restrict_read_only':
        return READS.has(call.op) || this.isReadOnly(call) ? FREE : held('read_only')
      case 'require_step_up':
        return this.stepUp(call, callId, decision, held)
    }
  }

  private async stepUp(
    call: Call,
    callId: string,
    { containmentId = '' }: Decision,
    held: (code: Refusal['code'], approvalId?: string) => Held,
  ): Promise<Held> {
    const answer = await this.stepUps.ask(
      {
        agent: call.agent.id,
        session: call.session.id,
        server: call.server.id,
        // A resource has no tool: its method and its address are what a person is asked about.
        tool: call.tool?.name ?? call.op,
        args: call.args ?? (call.target === undefined ? {} : { target: call.target }),
        callId,
      },
      containmentId,
    )
    switch (answer.kind) {
      case 'granted':
        return { kind: 'free', auth: { auth: { outcome: 'step_up_ok', method: 'approval' } } }
      case 'not-needed':
        return FREE
      case 'pending':
        return held('step_up_required', answer.id)
      case 'denied':
        return held('step_up_denied', answer.id)
      case 'unavailable':
        return held('step_up_unavailable')
    }
  }

  private refuse(call: Call, callId: string, decision: Decision, why: Refusal): Ruling {
    const auth: AuthInfo | undefined = why.code === 'step_up_required' ? { outcome: 'step_up_required' } : undefined
    const told: DecisionInfo = { ...infoOf(decision), enforced: true }
    const outcome = { status: 'denied', errorCode: why.code, ...(auth !== undefined && { auth }) } as const
    this.outbox.push(this.events.response(call, callId, told, outcome))
    return { kind: 'refused', callId, refusal: why }
  }

  private isReadOnly({ server, tool }: Call): boolean {
    return tool !== undefined && this.classes.isReadOnly(server.id, tool.name, tool.annotations)
  }

  private beat(): void {
    this.outbox.push(this.events.heartbeat({ dropped: this.outbox.counts.dropped }))
    this.stopHeartbeat = this.clock.after(HEARTBEAT_MS, () => this.beat())
  }
}

type Held =
  | { readonly kind: 'free'; readonly auth?: { readonly auth: AuthInfo } }
  | { readonly kind: 'held'; readonly refusal: Refusal }

const FREE: Held = { kind: 'free' }

function infoOf({ action, containmentId, origin }: Decision): DecisionInfo {
  return { action, origin, ...(containmentId !== undefined && { id: containmentId }) }
}
