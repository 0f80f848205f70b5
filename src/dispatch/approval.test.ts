import { describe, expect, it } from 'vitest'
import { approval } from '../testing/approval-suite.ts'
import { type Approval, answerOf, type Claim, type Decided, redeemed, timedOut, type Vote, voted } from './approval.ts'

const VALID_MS = 300_000
const pending = approval()
const atMs = pending.createdMs + 1_000
const vote = (over: Partial<Vote> = {}): Vote => ({
  by: 'ada',
  verdict: 'approve',
  reason: 'known vendor',
  atMs,
  ...over,
})
const outcomeOf = (decided: Decided): Approval => {
  if (decided.kind === 'refused') throw new Error(decided.why)
  return decided.approval
}
const why = (decided: Decided) => (decided.kind === 'refused' ? decided.why : undefined)

describe('approval', () => {
  it('is approved by one person and denied by one, with by whom and why', () => {
    const yes = outcomeOf(voted(pending, vote(), VALID_MS))
    expect(yes).toMatchObject({ state: 'approved', expiresMs: atMs + VALID_MS })
    expect(answerOf(yes)).toBe('approved by ada: known vendor')
    expect(outcomeOf(voted(pending, vote({ verdict: 'deny' }), VALID_MS)).state).toBe('denied')
  })

  it('needs two different people under the two-person rule, and one denial is enough', () => {
    const two = { ...pending, needed: 2 }
    const first = outcomeOf(voted(two, vote(), VALID_MS))
    expect(first.state).toBe('pending')
    expect(outcomeOf(voted(first, vote({ reason: 'again' }), VALID_MS)).state).toBe('pending')
    expect(outcomeOf(voted(first, vote({ by: 'bob' }), VALID_MS)).state).toBe('approved')
    expect(outcomeOf(voted(first, vote({ by: 'bob', verdict: 'deny' }), VALID_MS)).state).toBe('denied')
  })

  it('is not answered by who asks, too late, or twice', () => {
    expect(why(voted(pending, vote({ by: 'gw-1' }), VALID_MS))).toBe('who asks does not answer')
    expect(why(voted(pending, vote({ atMs: pending.expiresMs }), VALID_MS))).toContain('over')
    const denied = outcomeOf(voted(pending, vote({ verdict: 'deny' }), VALID_MS))
    expect(why(voted(denied, vote(), VALID_MS))).toBe('it is denied already')
  })

  describe('of a call', () => {
    const approved = outcomeOf(voted(pending, vote(), VALID_MS))
    const { call } = approved
    if (call === undefined) throw new Error('unreachable')
    const claim: Claim = { ...call, nonce: 'n-1', callId: 'call-9' }

    it('is used by exactly that call, once', () => {
      const used = outcomeOf(redeemed(approved, claim, atMs))
      expect(used).toMatchObject({ state: 'used', usedByCallId: 'call-9' })
      expect(why(redeemed(used, claim, atMs))).toContain('used before')
    })

    it.each([
      ['other arguments', { argsSha256: 'cd'.repeat(32) }, 'another set of arguments'],
      ['another tool', { tool: 'send_all' }, 'another tool'],
      ['another session', { session: 's2' }, 'another session'],
      ['another agent', { agent: 'eve' }, 'another agent'],
      ['another caller', { caller: 'gw-2' }, 'another caller'],
      ['another nonce', { nonce: 'n-2' }, 'another caller'],
    ])('is refused to %s', (_what, over, expected) => {
      expect(why(redeemed(approved, { ...claim, ...over }, atMs))).toContain(expected)
    })

    it('is refused before it is approved and after its time', () => {
      expect(why(redeemed(pending, claim, atMs))).toBe('it is pending')
      expect(why(redeemed(approved, claim, approved.expiresMs))).toContain('time is over')
      expect(redeemed(approved, claim, approved.expiresMs - 1).kind).toBe('done')
    })
  })

  it('ends by the policy when nobody answers', () => {
    const { expiresMs } = pending
    expect(timedOut(pending, 'deny', expiresMs - 1, VALID_MS)).toBe(pending)
    expect(timedOut(pending, 'deny', expiresMs, VALID_MS).state).toBe('expired')
    const passed = timedOut(pending, 'approve', expiresMs, VALID_MS)
    expect(passed).toMatchObject({ state: 'approved', expiresMs: expiresMs + VALID_MS, votes: [{ by: 'policy' }] })
    expect(timedOut(passed, 'approve', expiresMs + VALID_MS, VALID_MS).state).toBe('expired')
  })
})
