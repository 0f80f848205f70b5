import { createHash, timingSafeEqual } from 'node:crypto'
import type { Level, Reason, Severity, Target } from '../model/index.ts'

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired' | 'superseded' | 'used'

/** The one call that a step-up lets pass: whoever asks for another, or with other arguments, asks anew. */
export interface BoundCall {
  readonly agent: string
  readonly session: string
  readonly server: string
  readonly tool: string
  /** lowercase hex SHA-256 of the canonical arguments (contract a) */
  readonly argsSha256: string
  /** the PEP that asked, by its token: only it can redeem */
  readonly caller: string
}

export interface Vote {
  readonly by: string
  readonly verdict: 'approve' | 'deny'
  readonly reason: string
  readonly atMs: number
}

/** What a person is shown: the situation, with what is typical against what was seen. */
export interface Card {
  readonly title: string
  readonly level: Level
  readonly target: Target
  readonly severity: Severity
  /** session risk, 0..1 */
  readonly score: number
  /** `observed` is what happened, `expected` what is typical */
  readonly reasons: readonly Reason[]
  /** of a call: its arguments with secrets taken out, as JSON, cut */
  readonly args?: string
}

/** A question to people: may this call pass, or may this containment be delivered. */
export interface Approval {
  readonly id: string
  readonly tenant: string
  readonly kind: 'call' | 'containment'
  /** questions of one situation share a card; the newest stands */
  readonly situation: string
  readonly containmentId: string
  readonly state: ApprovalState
  readonly createdMs: number
  /** end of the time to answer; of an approved call the end of the time to make it */
  readonly expiresMs: number
  /** how many different people must approve */
  readonly needed: number
  readonly votes: readonly Vote[]
  readonly card: Card
  readonly call?: BoundCall
  /** known to the caller only */
  readonly nonce?: string
  readonly usedByCallId?: string
}

export type Decided =
  | { readonly kind: 'done'; readonly approval: Approval }
  | { readonly kind: 'refused'; readonly why: string }

/** Somebody may still do something with it: answer it, or make the call that was approved. */
export function isOpen({ state, kind }: Approval): boolean {
  return state === 'pending' || (state === 'approved' && kind === 'call')
}

/** A person's answer. One denial denies; nobody counts twice, and who asked for a call does not approve it. */
export function voted(approval: Approval, vote: Vote, validMs: number): Decided {
  if (approval.state !== 'pending') return refused(`it is ${approval.state} already`)
  if (vote.atMs >= approval.expiresMs) return refused('the time to answer is over')
  if (vote.by === approval.call?.caller) return refused('who asks does not answer')
  const votes = [...approval.votes.filter(({ by }) => by !== vote.by), vote]
  if (vote.verdict === 'deny') return done({ ...approval, votes, state: 'denied' })
  if (votes.length < approval.needed) return done({ ...approval, votes })
  return done(approved({ ...approval, votes }, vote.atMs + validMs))
}

function approved(approval: Approval, untilMs: number): Approval {
  const { kind, expiresMs } = approval
  return { ...approval, state: 'approved', expiresMs: kind === 'call' ? untilMs : expiresMs }
}

/** What a PEP claims when it makes the call that was approved. */
export interface Claim extends BoundCall {
  readonly nonce: string
  readonly callId: string
}

/** Uses an approval up: the exact call of the caller that asked, once, in time. */
export function redeemed(approval: Approval, claim: Claim, nowMs: number): Decided {
  const { call, nonce, state } = approval
  if (call === undefined || nonce === undefined) return refused('this is no approval of a call')
  if (claim.caller !== call.caller || !isSame(claim.nonce, nonce)) return refused('it belongs to another caller')
  if (state === 'used') return refused('it was used before: ask again')
  if (state !== 'approved') return refused(`it is ${state}`)
  if (nowMs >= approval.expiresMs) return refused('its time is over: ask again')
  const changed = BOUND.find((key) => claim[key] !== call[key])
  if (changed !== undefined) return refused(`another ${NAMES[changed]} than was approved: ask again`)
  return done({ ...approval, state: 'used', usedByCallId: claim.callId })
}

const BOUND = ['agent', 'session', 'server', 'tool', 'argsSha256'] as const
const NAMES: Readonly<Record<(typeof BOUND)[number], string>> = {
  agent: 'agent',
  session: 'session',
  server: 'server',
  tool: 'tool',
  argsSha256: 'set of arguments',
}

/** What the policy says when nobody answered in time. */
export function timedOut(approval: Approval, policy: 'approve' | 'deny', nowMs: number, validMs: number): Approval {
  if (!isOpen(approval) || nowMs < approval.expiresMs) return approval
  if (approval.state === 'approved' || policy === 'deny') return { ...approval, state: 'expired' }
  const vote: Vote = { by: POLICY, verdict: 'approve', reason: 'nobody answered in time', atMs: nowMs }
  return approved({ ...approval, votes: [...approval.votes, vote] }, nowMs + validMs)
}

/** Who answers when nobody did. */
export const POLICY = 'policy'

export function superseded(approval: Approval): Approval {
  return isOpen(approval) ? { ...approval, state: 'superseded' } : approval
}

/** The same question: an agent that asks again for the same call waits for the same answer. */
export function isSameCall(a: BoundCall | undefined, b: BoundCall): boolean {
  return a !== undefined && a.caller === b.caller && BOUND.every((key) => a[key] === b[key])
}

/** In words, for a lease's history: who said what and why. */
export function answerOf({ votes }: Approval): string {
  return votes.map(({ by, verdict, reason }) => `${WORD[verdict]} by ${by}: ${reason}`).join('; ')
}

const WORD: Readonly<Record<Vote['verdict'], string>> = { approve: 'approved', deny: 'denied' }

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function done(approval: Approval): Decided {
  return { kind: 'done', approval }
}

function refused(why: string): Decided {
  return { kind: 'refused', why }
}
