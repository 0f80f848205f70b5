import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseConfig } from '../../src/run/config.ts'
import { openEngine } from '../../src/run/parts/judge.ts'
import { learnOnce } from '../../src/run/parts/learn.ts'
import { learnTrial } from '../../src/run/trial-baseline.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { findingOf, judgedEvent } from '../../src/testing/judged.ts'
import { RETENTION, temporaryDirectory } from '../store/places.ts'

/** Goal: a trial learns what the learn job would if a session were cleared, and leaves nothing behind. */
const config = parseConfig('{}', 'test')
const NOW_MS = T0_MS + 3 * 86_400_000
let store: Store

beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: join(temporaryDirectory(), 'chdb'), retention: RETENTION })
  await store.migrate()
  const sessions = Array.from({ length: 40 }, (_, i) => {
    const data = { agent: { id: 'a', role: 'clerk' }, session: { id: `s${i}` }, call_id: `c${i}` }
    return judgedEvent(toolEvent(data, { tenant: 'acme', id: `e${i}`, position: i, timeMs: T0_MS + i * 60_000 }))
  })
  const [alerted, ...clean] = sessions
  if (alerted === undefined) throw new Error('there are sessions')
  const finding = findingOf(alerted)
  await store.write([{ ...alerted, verdict: { ...alerted.verdict, findings: [finding] } }, ...clean], [])
}, 60_000)
afterAll(() => store.close())

test('a trial counts the cleared session, and the learn job still does not', async () => {
  const engine = await openEngine(config, { threw: () => undefined })
  const learn = (of: Pick<Store, 'query' | 'command'>) =>
    learnOnce(config, { store: of, engine, nowMs: NOW_MS, only: { tenant: 'acme', role: 'clerk' } })
  const before = await learn(store)
  expect(before).toMatchObject([{ role: 'clerk', sessions: 39 }])
  const tables = `SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name`
  const known = await store.query(tables)
  const cleared = { tenant: 'acme', role: 'clerk', agent: 'a', session: 's0' }
  expect(await learnTrial(store, cleared, learn, NOW_MS)).toMatchObject({ role: 'clerk', sessions: 40 })
  expect(await store.query(tables)).toEqual(known)
  expect(await learn(store)).toMatchObject([{ role: 'clerk', sessions: 39 }])
  const nobody = { ...cleared, role: 'nobody' }
  expect(await learnTrial(store, nobody, learn, NOW_MS)).toBeUndefined()
}, 60_000)
