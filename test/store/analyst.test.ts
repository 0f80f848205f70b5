import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PAGE, withTables } from '../../scripts/analyst-docs.ts'
import type { Judged, JudgedSignal } from '../../src/model/index.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { findingOf, judgedCalls, judgedEvent, leaseChange } from '../../src/testing/judged.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/** The page's own queries run against rows in which each has something to find. */
const FINGERPRINT = 'a'.repeat(32)
const PARAMETERS = {
  from: '2026-11-01 00:00:00.000',
  tenant: 'acme',
  agent: 'agent-1',
  session: 'session-of-agent-1',
  fingerprint: FINGERPRINT,
}
const page = readFileSync(PAGE, 'utf8')
const queries = [...page.matchAll(/\n(.+)\n```sql\n([\s\S]*?)```/g)].map(([, question = '', sql = '']) => ({
  question,
  sql,
}))
let store: Store

beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
  await store.write(rows(), [])
  const applied = leaseChange('acknowledged', 1)
  await store.writeLeaseChanges([
    leaseChange('delivered', 1),
    { ...applied, gateway: 'gw-1', lease: { ...applied.lease, appliedMs: T0_MS } },
  ])
})
afterAll(() => store.close())

test('there are ten queries, each with its question', () => {
  expect(queries).toHaveLength(10)
  for (const { question } of queries) expect(question).toMatch(/^[A-Z].*\?$/)
})

test.each(queries)('finds something: $question', async ({ sql }) => {
  const used = Object.entries(PARAMETERS).filter(([name]) => sql.includes(`{${name}:`))
  expect(await store.query(sql, Object.fromEntries(used))).not.toEqual([])
})

test('the tables are as the schema describes them; `npm run docs:analyst` writes them again', async () => {
  expect(await withTables(page, store)).toBe(page)
  expect(page).not.toMatch(/\| +\|$/m)
})

function rows(): readonly Judged[] {
  const [first, ...others] = judgedCalls(20)
  if (first === undefined) throw new Error('there are calls')
  const signal: JudgedSignal = {
    by: { kind: 'detector', id: 'unusual-sequence' },
    strength: 6,
    tail: 0.001,
    evidence: 3,
    reasons: [{ what: '`send_money` after `read_file`', observed: '1', expected: 'seen in 0 of 412 sessions' }],
  }
  const risky = { ...first.verdict, risk: 0.9, score: 3, signals: [signal], findings: [findingOf(first)] }
  const tool = (position: number, description_sha256: string) =>
    judgedEvent(toolEvent({ tool: { description_sha256 } }, { tenant: 'acme', position, id: `tool-${position}` }))
  const login = toolEvent(
    { op: 'auth', auth: { outcome: 'failure' }, session: { client_ip: '192.0.2.7' } },
    { tenant: 'acme', position: 900, id: 'login' },
  )
  const named = toolEvent(
    { refs: [{ in: 'args', kind: 'email', fp: FINGERPRINT }] },
    { tenant: 'acme', position: 901, id: 'ref' },
  )
  return [
    { ...first, verdict: risky },
    ...others,
    tool(800, 'aa'.repeat(32)),
    tool(801, 'bb'.repeat(32)),
    judgedEvent(login),
    judgedEvent(named),
  ]
}
