import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Posture, PostureChange, PostureQuery } from '../dispatch/posture.ts'
import type { Lease, Level, Order, Target } from '../model/index.ts'
import { lease } from './orders.ts'

/** One posture under test, on data of its own. */
export interface PostureHarness {
  readonly posture: Posture
  /** another posture on the same data: a second process, or this one after a restart */
  another(): Promise<Posture>
  dispose(): Promise<void>
}

/** The contract of Posture, which every adapter passes. */
export function postureSuite(name: string, open: () => Promise<PostureHarness>): void {
  describe(`${name} as a posture`, () => {
    const nowMs = Date.now()
    let harness: PostureHarness
    let posture: Posture
    beforeEach(async () => {
      harness = await open()
      posture = harness.posture
    })
    afterEach(async () => {
      await harness.dispose()
    })

    const holding = (target: Target, level: Level = 'suspend_session', over: Partial<Order> = {}): Lease =>
      lease({ target, level, issuedMs: nowMs, ...over })
    const ask = async (query: Partial<PostureQuery>, atMs = nowMs) =>
      (await posture.decide({ tenant: 'default', ...query }, atMs)).action

    it('opens a lease once: the new one is the object passed, an existing one is returned as it is', async () => {
      const one = holding({ kind: 'session', id: 's1' })
      expect(await posture.open(one)).toBe(one)
      await posture.advance(one.order.id, 'acknowledged', { atMs: nowMs + 5 })
      const again = await posture.open({ ...one })
      expect(again).toMatchObject({ state: 'acknowledged', revision: 1, appliedMs: nowMs + 5 })
      expect(await posture.get(one.order.id)).toEqual(again)
      expect(await posture.get('c-unknown')).toBeUndefined()
      expect(await posture.advance('c-unknown', 'released', { atMs: nowMs })).toBeUndefined()
    })

    it('answers for session, agent, user, server and tool, each by its own id and in its own tenant', async () => {
      const targets: readonly [Target, Partial<PostureQuery>][] = [
        [{ kind: 'session', id: 'x' }, { session: 'x' }],
        [{ kind: 'agent', id: 'x' }, { agent: 'x' }],
        [{ kind: 'user', id: 'x' }, { user: 'x' }],
        [{ kind: 'server', id: 'x' }, { server: 'x' }],
        [
          { kind: 'tool', id: 'files/x' },
          { server: 'files', tool: 'x' },
        ],
      ]
      for (const [target, query] of targets) {
        const one = holding(target)
        await posture.open(one)
        expect([target.kind, await ask(query)]).toEqual([target.kind, 'suspend_session'])
        expect(await ask({ ...query, tenant: 'other' })).toBe('allow')
        for (const [, elsewhere] of targets.filter(([other]) => other !== target)) {
          expect(await ask(elsewhere)).toBe('allow')
        }
        await posture.advance(one.order.id, 'released', { atMs: nowMs })
      }
      await posture.open(holding({ kind: 'tool', id: 'files/x' }))
      expect(await ask({ tool: 'files/x' })).toBe('suspend_session')
      expect(await ask({ server: 'mail', tool: 'x' })).toBe('allow')
    })

    it('holds a session for its own agent, and for whoever does not say which agent asks', async () => {
      await posture.open(holding({ kind: 'session', id: 's1', agent: 'bot' }))
      expect(await ask({ session: 's1', agent: 'bot' })).toBe('suspend_session')
      expect(await ask({ session: 's1' })).toBe('suspend_session')
      expect(await ask({ session: 's1', agent: 'other' })).toBe('allow')
    })

    it('lets the most severe answer, and a release free only the one that is named', async () => {
      const mild = holding({ kind: 'agent', id: 'bot' }, 'require_step_up')
      const severe = holding({ kind: 'session', id: 's1', agent: 'bot' })
      const same = holding({ kind: 'session', id: 's1', agent: 'bot' })
      for (const one of [mild, severe, same]) await posture.open(one)
      const query = { tenant: 'default', session: 's1', agent: 'bot' }
      const first = await posture.decide(query, nowMs)
      expect(first.action).toBe('suspend_session')
      await posture.advance(severe.order.id, 'released', { atMs: nowMs, by: 'ada' })
      const second = await posture.decide(query, nowMs)
      expect(second).toEqual({
        action: 'suspend_session',
        containmentId: same.order.id,
        expiresMs: same.order.expiresMs,
      })
      await posture.advance(same.order.id, 'released', { atMs: nowMs })
      expect((await posture.decide(query, nowMs)).containmentId).toBe(mild.order.id)
    })

    it('never answers with an expired lease; it is due until it is ended, and active only before', async () => {
      const one = holding({ kind: 'session', id: 's1' })
      const { expiresMs } = one.order
      await posture.open(one)
      expect(await ask({ session: 's1' }, expiresMs - 1)).toBe('suspend_session')
      expect(await ask({ session: 's1' }, expiresMs)).toBe('allow')
      expect(await posture.active('default', expiresMs - 1)).toEqual([one])
      expect(await posture.active('other', nowMs)).toEqual([])
      expect(await posture.active('default', expiresMs)).toEqual([])
      expect(await posture.due(expiresMs - 1)).toEqual([])
      expect(await posture.due(expiresMs)).toEqual([one])
      await posture.advance(one.order.id, 'expired', { atMs: expiresMs })
      expect(await posture.due(expiresMs)).toEqual([])
    })

    it('records monitor leases and never answers with them', async () => {
      const heard: PostureChange[] = []
      posture.subscribe((change) => heard.push(change))
      const one = holding({ kind: 'session', id: 's1' }, 'suspend_session', { mode: 'monitor' })
      await posture.open(one)
      expect(await ask({ session: 's1' })).toBe('allow')
      expect(await posture.active('default', nowMs)).toEqual([one])
      expect(await posture.changes(0, nowMs)).toEqual([])
      expect(heard).toEqual([])
    })

    it('is not moved by what arrives after a release: no late answer, no second open', async () => {
      const one = holding({ kind: 'session', id: 's1' })
      await posture.open(one)
      const released = await posture.advance(one.order.id, 'released', { atMs: nowMs + 1, by: 'ada' })
      expect(released).toMatchObject({ state: 'released', revision: 2, releasedBy: 'ada' })
      expect(await posture.advance(one.order.id, 'acknowledged', { atMs: nowMs + 2 })).toEqual(released)
      expect(await posture.open({ ...one })).toEqual(released)
      expect(await ask({ session: 's1' })).toBe('allow')
    })

    it('lets one of many changes at once win for all of them', async () => {
      const other = await harness.another()
      const one = holding({ kind: 'session', id: 's1' })
      await Promise.all([posture.open(one), other.open(one)])
      await Promise.all([
        posture.advance(one.order.id, 'delivered', { atMs: nowMs }),
        other.advance(one.order.id, 'acknowledged', { atMs: nowMs }),
        posture.advance(one.order.id, 'released', { atMs: nowMs }),
        other.advance(one.order.id, 'in_effect', { atMs: nowMs }),
      ])
      expect(await posture.get(one.order.id)).toMatchObject({ state: 'released', revision: 2 })
    })

    it('tells what changed since a revision, and every change as it happens', async () => {
      const heard: PostureChange[] = []
      const stop = posture.subscribe((change) => heard.push(change))
      const [kept, freed] = [holding({ kind: 'session', id: 's1' }), holding({ kind: 'session', id: 's2' })]
      await posture.open(kept)
      const between = await posture.revision()
      await posture.open(freed)
      await posture.advance(kept.order.id, 'acknowledged', { atMs: nowMs })
      await posture.advance(freed.order.id, 'released', { atMs: nowMs })
      stop()
      await posture.advance(kept.order.id, 'released', { atMs: nowMs })
      const short = (changes: readonly PostureChange[] | undefined) =>
        changes?.map(({ change, lease: of }) => [change, of.order.id])
      expect(short(heard)).toEqual([
        ['apply', kept.order.id],
        ['apply', freed.order.id],
        ['release', freed.order.id],
      ])
      const revisions = heard.map(({ revision }) => revision)
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
      expect(short(await posture.changes(between, nowMs))).toEqual([
        ['release', freed.order.id],
        ['release', kept.order.id],
      ])
      const newest = await posture.revision()
      expect(await posture.changes(newest, nowMs)).toEqual([])
      expect(await posture.changes(newest + 1, nowMs)).toBeUndefined()
      expect(await posture.changes(0, kept.order.expiresMs)).toEqual([])
    })

    it('is the same to another process', async () => {
      const [kept, freed] = [holding({ kind: 'session', id: 's1' }), holding({ kind: 'session', id: 's2' })]
      await posture.open(kept)
      await posture.open(freed)
      await posture.advance(freed.order.id, 'released', { atMs: nowMs, detail: 'was fine' })
      const other = await harness.another()
      expect(await other.get(freed.order.id)).toMatchObject({ state: 'released', detail: 'was fine' })
      expect((await other.decide({ tenant: 'default', session: 's1' }, nowMs)).action).toBe('suspend_session')
      expect((await other.decide({ tenant: 'default', session: 's2' }, nowMs)).action).toBe('allow')
      expect(await other.revision()).toBe(await posture.revision())
      expect(await other.active('default', nowMs)).toEqual([kept])
    })
  })
}
