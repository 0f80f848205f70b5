import { createHash, randomBytes } from 'node:crypto'
import type { Lease, Order } from '../model/index.ts'
import {
  type Approval,
  answerOf,
  type BoundCall,
  type Card,
  type Claim,
  type Decided,
  isOpen,
  isSameCall,
  POLICY,
  redeemed,
  superseded,
  timedOut,
  type Vote,
  voted,
} from './approval.ts'
import type { ApprovalBook } from './approval-book.ts'
import type { Clock } from './clock.ts'
import type { Posture, PostureQuery } from './posture.ts'

export interface ApprovalPolicy {
  /** time to answer */
  readonly answerMs: number
  /** time in which an approved call must be made */
  readonly validMs: number
  /** different people who must approve: 2 is the two-person rule */
  readonly people: number
  /** what happens when nobody answers in time */
  readonly unanswered: { readonly call: 'approve' | 'deny'; readonly containment: 'approve' | 'deny' }
}

export interface ApprovalParts {
  readonly book: ApprovalBook
  readonly posture: Pick<Posture, 'get' | 'decide' | 'awaiting'>
  readonly policy: ApprovalPolicy
  readonly clock: Clock
  /** which role an agent has, as far as it was seen here: a role's kill switch holds its calls */
  readonly roleOf: (tenant: string, agent: string) => string | undefined
  /** lets a containment go, or ends it; idempotent */
  readonly desk: {
    approve(orderId: string, detail: string): Promise<Lease | undefined>
    release(orderId: string, by: string, reason: string): Promise<Lease | undefined>
  }
  /** told of every new question and every answer, for logs, audit and chat tools; must not throw and must not wait */
  changed(approval: Approval): void
}

export type StepUp =
  | { readonly kind: 'asked'; readonly approval: Approval }
  /** no step-up is asked of this call: it may pass, or something more severe holds it */
  | { readonly kind: 'not-needed'; readonly action: string }

const KEPT_MS = 7 * 24 * 3_600_000

/**
 * Questions to people, one card per situation. A call is approved exactly as it was asked for: by digest of its
 * arguments, for the PEP that asked, once and for a short time. A containment that awaits approval is delivered or
 * dropped by the answer.
 */
export class Approvals {
  private readonly parts: ApprovalParts

  constructor(parts: ApprovalParts) {
    this.parts = parts
  }

  /** A PEP asks whether one call may pass a `require_step_up`. Asked again for the same call, it is the same question. */
  async askForCall(tenant: string, call: BoundCall, args?: string): Promise<StepUp> {
    const { book, posture, clock } = this.parts
    const decision = await posture.decide(this.queryOf(tenant, call), clock.now())
    const lease = decision.containmentId === undefined ? undefined : await posture.get(decision.containmentId)
    if (decision.action !== 'require_step_up' || lease === undefined)
      return { kind: 'not-needed', action: decision.action }
    const situation = hashOf(tenant, lease.order.id, call.agent, call.session, call.server, call.tool)
    const current = await book.current(situation)
    if (current !== undefined && isOpen(current) && clock.now() < current.expiresMs) {
      if (isSameCall(current.call, call)) return { kind: 'asked', approval: current }
      await this.change(current.id, superseded)
    }
    const card = { ...cardOf(lease.order), title: `${call.agent} wants to call ${call.server}/${call.tool}` }
    const approval = await book.put({
      ...this.question(lease.order, situation, args === undefined ? card : { ...card, args }),
      id: `a-${randomBytes(12).toString('hex')}`,
      kind: 'call',
      call,
      nonce: randomBytes(16).toString('hex'),
    })
    this.parts.changed(approval)
    return { kind: 'asked', approval }
  }

  /** A containment that awaits approval becomes a question. Idempotent. */
  async askForContainment({ order }: Lease): Promise<void> {
    const id = containmentQuestion(order.id)
    if ((await this.parts.book.get(id)) !== undefined) return
    const card = { ...cardOf(order), title: `${order.approval ?? ''}: ${order.reason}` }
    const asked = { ...this.question(order, hashOf(order.tenant, order.id), card), id, kind: 'containment' as const }
    const stored = await this.parts.book.put(asked)
    if (stored === asked) this.parts.changed(stored)
  }

  /** A person answers. Undefined when there is no such question in the tenant. */
  async answer(tenant: string, id: string, vote: Omit<Vote, 'atMs'>): Promise<Decided | undefined> {
    const { book, clock, policy } = this.parts
    if ((await book.get(id))?.tenant !== tenant) return undefined
    return this.decide(id, (approval) => voted(approval, { ...vote, atMs: clock.now() }, policy.validMs))
  }

  /** The PEP makes the call that was approved; once. Undefined when there is no such question in the tenant. */
  async redeem(tenant: string, id: string, claim: Claim): Promise<Decided | undefined> {
    const { book, posture, clock } = this.parts
    if ((await book.get(id))?.tenant !== tenant) return undefined
    const { action } = await posture.decide(this.queryOf(tenant, claim), clock.now())
    if (action !== 'require_step_up' && action !== 'allow')
      return { kind: 'refused', why: `${action} holds this call now` }
    return this.decide(id, (approval) => redeemed(approval, claim, clock.now()))
  }

  /** The question of the tenant, whoever asks. */
  async get(tenant: string, id: string): Promise<Approval | undefined> {
    const approval = await this.parts.book.get(id)
    return approval?.tenant === tenant ? approval : undefined
  }

  /** By id alone, for an answer that names no tenant and proves itself by a signature. */
  tenantOf(id: string): Promise<string | undefined> {
    return this.parts.book.get(id).then((approval) => approval?.tenant)
  }

  list(tenant: string): Promise<readonly Approval[]> {
    return this.parts.book.list(tenant)
  }

  /** Whether a step-up was used for this call: what the stream shows of it is no breach then. */
  async letPass(tenant: string, callId: string): Promise<boolean> {
    return (await this.list(tenant)).some(({ state, usedByCallId }) => state === 'used' && usedByCallId === callId)
  }

  /**
   * Applies the policy to what nobody answered, and completes what a crash cut short: every containment that awaits
   * approval has a question, and every answered one has its effect. Called every second.
   */
  async sweep(): Promise<void> {
    const { book, posture, clock, policy } = this.parts
    const nowMs = clock.now()
    for (const { id, kind } of await book.due(nowMs))
      await this.change(id, (one) => timedOut(one, policy.unanswered[kind], nowMs, policy.validMs))
    for (const lease of posture.awaiting()) {
      await this.askForContainment(lease)
      const approval = await book.get(containmentQuestion(lease.order.id))
      if (approval !== undefined) await this.takeEffect(approval)
    }
  }

  /** Forgets what was answered long ago. */
  forget(): Promise<void> {
    return this.parts.book.forget(this.parts.clock.now() - KEPT_MS)
  }

  private queryOf(tenant: string, { agent, session, server, tool }: BoundCall): PostureQuery {
    const role = this.parts.roleOf(tenant, agent)
    return { tenant, agent, session, server, tool, ...(role === undefined ? {} : { role }) }
  }

  private async decide(id: string, step: (approval: Approval) => Decided): Promise<Decided | undefined> {
    let outcome: Decided | undefined
    const approval = await this.change(id, (before) => {
      outcome = step(before)
      return outcome.kind === 'done' ? outcome.approval : before
    })
    return approval === undefined ? undefined : outcome
  }

  private async change(id: string, change: (approval: Approval) => Approval): Promise<Approval | undefined> {
    let isNews = false
    const approval = await this.parts.book.change(id, (before) => {
      const after = change(before)
      isNews = after !== before
      return after
    })
    if (approval === undefined || !isNews) return approval
    this.parts.changed(approval)
    await this.takeEffect(approval)
    return approval
  }

  /** Of a containment: delivered, or dropped. */
  private async takeEffect(approval: Approval): Promise<void> {
    const { desk } = this.parts
    const { kind, state, containmentId, votes } = approval
    if (kind !== 'containment') return
    if (state === 'approved') await desk.approve(containmentId, answerOf(approval))
    if (state === 'denied') await desk.release(containmentId, votes.at(-1)?.by ?? POLICY, answerOf(approval))
    if (state === 'expired') await desk.release(containmentId, POLICY, 'nobody approved it in time')
  }

  private question(order: Order, situation: string, card: Card): Omit<Approval, 'id' | 'kind'> {
    const { clock, policy } = this.parts
    const createdMs = clock.now()
    return {
      tenant: order.tenant,
      situation,
      containmentId: order.id,
      state: 'pending',
      createdMs,
      expiresMs: Math.min(createdMs + policy.answerMs, order.expiresMs),
      needed: policy.people,
      votes: [],
      card,
    }
  }
}

function cardOf({ reason, level, target, severity, score, reasons }: Order): Card {
  return { title: reason, level, target, severity, score, reasons: reasons ?? [] }
}

/** A containment is asked about once, so its question is known by its id. */
function containmentQuestion(orderId: string): string {
  return `a-${orderId}`
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)
}
