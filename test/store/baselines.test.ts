import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NO_CALIBRATION } from '../../src/baseline/empty.ts'
import { makeSnapshot, type SnapshotHead } from '../../src/baseline/snapshot.ts'
import { BaselineBook } from '../../src/run/parts/baselines.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS } from '../../src/testing/events.ts'
import { baselineVersionRoutes } from '../../src/web/baseline-versions.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

let store: Store
beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

test('a baseline of another key is refused and told once; its role counts as learning', async () => {
  const totals = { sessions: 50, agents: 2, calls: 90, days: 3, fromMs: 1, toMs: 2, timeZone: 'UTC' }
  const head = (role: string, refsKey: string): SnapshotHead => ({
    ...totals,
    tenant: 't',
    role,
    state: 'active',
    refsKey,
  })
  const told: string[] = []
  const book = new BaselineBook(store, 30, { refsKey: 'aaaaaaaa', refused: (_error, { role }) => told.push(role) })
  const snapshots = [head('mine', 'aaaaaaaa'), head('theirs', 'bbbbbbbb')].map((one) =>
    makeSnapshot(one, {}, NO_CALIBRATION),
  )
  await book.publish(snapshots, T0_MS)
  await book.refresh(T0_MS)
  expect(book.of('t', 'mine')?.state).toBe('active')
  expect(book.of('t', 'theirs')).toBeUndefined()
  expect(told).toEqual(['theirs'])
  expect(book.states()).toMatchObject({ active: 1, refused: 1 })
})

test('goes back to an earlier version, which stays in force until a person lets it go', async () => {
  const totals = { agents: 2, calls: 90, days: 3, fromMs: 1, toMs: 2, timeZone: 'UTC' }
  const learnt = (sessions: number) =>
    makeSnapshot({ ...totals, tenant: 'default', role: 'clerk', state: 'active', sessions }, {}, NO_CALIBRATION)
  const book = new BaselineBook(store, 30)
  await book.publish([learnt(50)], T0_MS)
  const first = book.of('default', 'clerk')?.version ?? ''
  await book.publish([learnt(60)], T0_MS + 1)
  let nowMs = T0_MS + 2
  const server = Fastify()
  server.decorateRequest('principal', {
    getter: () => ({ name: 'ada', tenant: 'default', scopes: new Set(['responder' as const]), anonymous: false }),
  })
  baselineVersionRoutes(server, { store, now: () => nowMs })
  const post = (url: string, payload: object) => server.inject({ method: 'POST', url, payload })

  expect((await post('/v1/baselines/clerk/rollback', { version: 'f'.repeat(16), reason: 'x' })).statusCode).toBe(404)
  expect(
    (await post('/v1/baselines/clerk/rollback', { version: first, reason: 'learnt an attack' })).json(),
  ).toMatchObject({ pinned: true })
  await book.publish([learnt(70)], T0_MS + 3)
  expect(book.of('default', 'clerk')?.version).toBe(first)
  const { versions } = (await server.inject('/v1/baselines/clerk/versions')).json()
  expect(versions).toMatchObject([
    { version: first, current: true, pinned: true },
    { sessions: 60, current: false },
  ])
  const diff = await server.inject(`/v1/baseline-diff?before=${first}&after=${versions[1].version}`)
  expect(diff.json().head).toContainEqual({ what: 'sessions', before: 50, after: 60 })

  nowMs = T0_MS + 4
  await post('/v1/baselines/clerk/resume', { reason: 'cleaned' })
  await book.publish([learnt(80)], T0_MS + 5)
  expect(book.of('default', 'clerk')?.sessions).toBe(80)
})
