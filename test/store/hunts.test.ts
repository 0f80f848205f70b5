import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventData, Judged, ToolEvent, Verdict } from '../../src/model/index.ts'
import { readHunts } from '../../src/store/hunts.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { toolEvent } from '../../src/testing/events.ts'
import { findingOf, judgedCalls, judgedEvent, leaseChange } from '../../src/testing/judged.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/** Each named hunt, through the gate, against rows in which it has something to find. */
const hunts = readHunts()
const FP = 'a'.repeat(32)
const MINUTE_MS = 60_000
const START_MS = Date.now() - 120 * MINUTE_MS
let store: Store
let position = 1_000

beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
  const rows = events()
  await store.write(rows, [])
  const [first] = rows
  const order = {
    issuedMs: START_MS,
    expiresMs: START_MS + 10 * 3_600_000,
    target: { kind: 'session', id: 'exfil' },
  } as const
  const applied = leaseChange('acknowledged', 1, {
    ...order,
    evidence: { source: 's', id: 'e', callId: 'c', receivedMs: START_MS },
  })
  await store.writeLeaseChanges([
    { ...applied, atMs: START_MS + 900, gateway: 'gw', lease: { ...applied.lease, appliedMs: START_MS } },
  ])
  if (first) await store.writeFindings([findingOf(first, { id: 'finding-2', session: 'exfil', agent: 'bot' })])
  const at = new Date(START_MS).toISOString()
  await store.insert('audit_rows', [
    { tenant: 'acme', chain: 'c', n: 1, time: at, kind: 'approval', actor: 'ada', subject: 'x', detail: '{}', mac: '' },
  ])
}, 60_000)
afterAll(() => store.close())

function one(id: string, minute: number, data: object, verdict: Partial<Verdict> = {}): Judged {
  const timeMs = START_MS + minute * MINUTE_MS
  const agent = { id: 'bot', role: 'clerk' }
  const of = { agent, session: { id: 'exfil' }, call_id: id, ...data } as Partial<EventData>
  const event: ToolEvent = toolEvent(of, { tenant: 'acme', id, timeMs, receivedMs: timeMs, position: position++ })
  const judged = judgedEvent(event, verdict)
  return { ...judged, facts: { ...judged.facts, firstOfCall: true } }
}

function events(): readonly Judged[] {
  const ref = { in: 'args', kind: 'email', fp: FP } as const
  const told = { in: 'result', kind: 'email', fp: FP, untrusted: true, imperative: true } as const
  const reply = { phase: 'response', result: { status: 'ok', bytes: 5_000, records: 7 } } as const
  const signal = { by: { kind: 'detector', id: 'odd' }, strength: 6, tail: 0.001, evidence: 3, reasons: [] } as const
  const found = (event: Judged, id: string): Judged => ({
    ...event,
    verdict: { ...event.verdict, risk: 0.9, signals: [signal], findings: [findingOf(event, { id })] },
  })
  const login = (id: string, minute: number, outcome: 'failure' | 'success', agent: string) =>
    one(id, minute, {
      op: 'auth',
      auth: { outcome, credential_sha256: 'c'.repeat(64) },
      agent: { id: agent, role: 'clerk' },
      session: { id: `login-${agent}`, client_ip: '192.0.2.7' },
    })
  return [
    one('e1', 1, { tool: { name: 'read_mail' }, refs: [told], ...reply }),
    found(
      one('e2', 2, { tool: { name: 'send_mail' }, refs: [ref], egress: [{ host: 'evil.example', country: 'XX' }] }),
      'f1',
    ),
    found(one('e3', 3, { tool: { name: 'send_mail' }, refs: [ref], session: { id: 'other', parent: 'exfil' } }), 'f2'),
    one('e4', 4, { tool: { name: 'wipe' }, phase: 'response', result: { status: 'denied' } }),
    one('e5', 5, { tool: { name: 'wipe' }, phase: 'response', result: { status: 'ok' } }),
    one('e6', 6, { tool: { name: 'wipe' }, phase: 'response', result: { status: 'error', error_code: 'E1' } }),
    one('e7', 7, { tool: { name: 'wipe' } }, { unjudged: [{ detector: 'odd', missing: 'args' }] }),
    login('l1', 8, 'failure', 'bot'),
    login('l2', 9, 'success', 'rob'),
    // Much work at other hours makes this hour one at which the role hardly works.
    ...judgedCalls(150, 10_000, START_MS - 5 * 3_600_000).map((judged) => ({
      ...judged,
      event: { ...judged.event, timeMs: START_MS - 5 * 3_600_000 - (judged.event.timeMs % 60_000) },
    })),
  ]
}

test('there are at least 25, each with a question', () => {
  expect(hunts.length).toBeGreaterThanOrEqual(25)
  for (const { question } of hunts) expect(question).toMatch(/^[A-Z].*\?$/)
})

const ASKED: Readonly<Record<string, string>> = {
  indicator: 'evil.example',
  finding: 'finding-2',
  sessions: '5',
  percent: '10',
}

test.each(hunts.map((hunt) => [hunt.name, hunt] as const))('%s finds something', async (_name, { sql, parameters }) => {
  const values = Object.fromEntries(parameters.map(({ name, standard }) => [name, ASKED[name] ?? standard]))
  const bytes = await store.hunt({ tenant: 'acme', sql, parameters: values, format: 'JSONCompact' })
  const { data } = JSON.parse(Buffer.from(bytes).toString()) as { readonly data: readonly unknown[] }
  expect(data.length).toBeGreaterThan(0)
  const others = await store.hunt({ tenant: 'rival', sql, parameters: values, format: 'JSONCompact' })
  expect(JSON.parse(Buffer.from(others).toString())).toMatchObject({ data: [] })
})
