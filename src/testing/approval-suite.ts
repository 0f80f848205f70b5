import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Approval } from '../dispatch/approval.ts'
import type { ApprovalBook } from '../dispatch/approval-book.ts'
import { T0_MS } from './events.ts'

let made = 0

/** A pending question about one call; whatever is passed replaces. */
export function approval(over: Partial<Approval> = {}): Approval {
  const number = ++made
  return {
    id: `a-${number}`,
    tenant: 'default',
    kind: 'call',
    situation: `situation-${number}`,
    containmentId: `c-${number}`,
    state: 'pending',
    createdMs: T0_MS + number,
    expiresMs: T0_MS + 900_000,
    needed: 1,
    votes: [],
    card: {
      title: 'bot wants to call bank/send_money',
      level: 'require_step_up',
      target: { kind: 'session', id: 's1', agent: 'bot' },
      severity: 'high',
      score: 0.6,
      reasons: [{ what: 'destination', observed: 'a new account', expected: 'one of 3 known ones' }],
    },
    call: {
      agent: 'bot',
      session: 's1',
      server: 'bank',
      tool: 'send_money',
      argsSha256: 'ab'.repeat(32),
      caller: 'gw-1',
    },
    nonce: 'n-1',
    ...over,
  }
}

/** One book under test, on data of its own. */
export interface ApprovalHarness {
  readonly book: ApprovalBook
  /** another book on the same data: a second process, or this one after a restart */
  another(): Promise<ApprovalBook>
  dispose(): Promise<void>
}

/** The contract of ApprovalBook, which every adapter passes. */
export function approvalSuite(name: string, open: () => Promise<ApprovalHarness>): void {
  describe(`${name} as an approval book`, () => {
    let harness: ApprovalHarness
    let book: ApprovalBook
    beforeEach(async () => {
      harness = await open()
      book = harness.book
    })
    afterEach(async () => {
      await harness.dispose()
    })

    it('keeps what was put, once, for every process', async () => {
      const one = approval()
      expect(await book.put(one)).toEqual(one)
      await book.change(one.id, (before) => ({ ...before, state: 'denied' }))
      expect(await book.put(one)).toMatchObject({ state: 'denied' })
      const other = await harness.another()
      expect(await other.get(one.id)).toMatchObject({ ...one, state: 'denied' })
      expect(await book.get('a-unknown')).toBeUndefined()
    })

    it('knows the newest of a situation, and lists those of a tenant newest first', async () => {
      const [first, second] = [approval({ situation: 'same' }), approval({ situation: 'same' })]
      await book.put(first)
      await book.put(second)
      await book.put(approval({ tenant: 'other' }))
      expect((await book.current('same'))?.id).toBe(second.id)
      expect(await book.current('none')).toBeUndefined()
      expect((await book.list('default')).map(({ id }) => id)).toEqual([second.id, first.id])
    })

    it('lets one of many changes at once see each other', async () => {
      const one = approval()
      await book.put(one)
      const other = await harness.another()
      let granted = 0
      const use = (by: ApprovalBook) =>
        by.change(one.id, (before) => (before.state === 'pending' ? { ...before, state: 'used' } : before))
      const add = (by: ApprovalBook, at: number) =>
        by.change(one.id, (before) => ({
          ...before,
          votes: [...before.votes, { by: `p${at}`, verdict: 'approve', reason: 'ok', atMs: at }],
        }))
      await Promise.all([...Array(10).keys()].map((at) => add(at % 2 === 0 ? book : other, at)))
      expect((await book.get(one.id))?.votes).toHaveLength(10)
      await Promise.all(
        [book, other, book].map(async (by) => {
          const before = await use(by)
          if (before?.state === 'used') granted++
        }),
      )
      expect(granted).toBe(3)
      expect(await book.change('a-unknown', (before) => before)).toBeUndefined()
    })

    it('tells what is over and still open, and forgets what is over and closed', async () => {
      const [open1, closed] = [approval(), approval({ state: 'denied' })]
      await book.put(open1)
      await book.put(closed)
      expect(await book.due(open1.expiresMs - 1)).toEqual([])
      expect((await book.due(open1.expiresMs)).map(({ id }) => id)).toEqual([open1.id])
      await book.forget(closed.expiresMs)
      expect(await book.get(closed.id)).toBeDefined()
      await book.forget(closed.expiresMs + 1)
      expect(await book.get(closed.id)).toBeUndefined()
      expect(await book.get(open1.id)).toBeDefined()
      await book.change(open1.id, (before) => ({ ...before, state: 'expired' }))
      expect(await book.due(open1.expiresMs)).toEqual([])
    })
  })
}
