import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadBaselines } from '../../src/baseline/snapshot.ts'
import { backtest } from '../../src/run/backtest.ts'
import type { Io } from '../../src/run/io.ts'
import { learnFiles } from '../../src/run/learn-files.ts'
import { openDoor } from '../../src/run/parts/accept.ts'
import { BaselineBook } from '../../src/run/parts/baselines.ts'
import { FleetBook, loadFleets } from '../../src/run/parts/fleet.ts'
import { openEngine, openJudge } from '../../src/run/parts/judge.ts'
import { baselineFolder, loadKeys, refsKeyId } from '../../src/run/parts/keys.ts'
import { RuleBook } from '../../src/run/parts/rules.ts'
import { replayFiles } from '../../src/run/replay.ts'
import { loadOverridden } from '../../src/run/up.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'

/*
 * Goal: a backtest finds what the live run found. Method: a fleet with an attack is judged and stored by detectors and
 * rules, then judged again from what was stored, by the same rules, by none and by others.
 */
const data = mkdtempSync(join(tmpdir(), 'belay-backtest-'))
const settings = loadOverridden({ data }, {})
const quiet: Io = { out: () => undefined, err: () => undefined, watched: false, env: {} }
const observe = { swapped: () => undefined, kept: () => undefined }
const FOREVER = { eventDays: 20_000, findingDays: 20_000 }
const STREAM = ['fixtures/fleet.ndjson', 'fixtures/scenarios/puppet-attack/events.ndjson']

function ruleFolder(name: string, ...rules: readonly string[]): string {
  const folder = join(data, name)
  mkdirSync(folder)
  for (const [at, text] of rules.entries()) writeFileSync(join(folder, `${at}.yml`), text)
  return folder
}
const rule = (name: string, tool: string, more = '') =>
  `title: ${name}\nname: ${name}\nlevel: high\nlogsource: {category: agent_tool_event}
detection: {call: {tool.name: ${tool}}, condition: call}\n${more}`
const PAYMENTS = rule('payments', 'send_payment', 'status: test\nresponse: {level: suspend_session}\n')
const BURST = `title: burst\nname: burst\nlevel: medium\ncorrelation: {type: event_count, rules: [mails], group-by: [agent.id],
  timespan: 1d, condition: {gte: 3}}\n---\n${rule('mails', 'send_email')}`

let store: Store
const live = ruleFolder('live', PAYMENTS, BURST)
const judgedLive = new Set<string>()

beforeAll(async () => {
  const folder = baselineFolder(data)
  await learnFiles(
    settings,
    quiet,
    ['finance', 'support', 'research'].map((role) => `fixtures/benign/${role}.ndjson`),
    folder,
  )
  store = await openStore({ kind: 'embedded', directory: join(data, 'chdb'), retention: FOREVER })
  await store.migrate()
  const keys = loadKeys(settings, folder)
  await new BaselineBook(store, 30).seed(folder, Date.now())
  const baselines = await loadBaselines(folder, refsKeyId(keys))
  const engine = await openEngine(settings.config, {
    threw(_id, error) {
      throw error
    },
  })
  const rules = new RuleBook({ rules: { ...settings.config.rules, builtIn: false, folders: [live] } }, observe)
  await rules.refresh(0)
  const baselineOf = (tenant: string, role: string) => baselines.of(tenant, role)
  const { judge, fleets } = openJudge(settings.config, {
    engine,
    baselineOf,
    fleetSnapshots: loadFleets(folder),
    rules: rules.of,
  })
  await new FleetBook(store, fleets).seed(folder, Date.now())
  await replayFiles(
    {
      io: quiet,
      door: openDoor(settings.config, keys),
      judge,
      store,
      judged: (judged) => {
        for (const { verdict } of judged) for (const { id } of verdict.findings) judgedLive.add(id)
      },
    },
    STREAM,
    'live',
  )
}, 180_000)
afterAll(async () => {
  await store.close()
  rmSync(data, { recursive: true, force: true })
})

const whole = { fromMs: 0, toMs: 8e12 }
const compared = (request: { rules: readonly string[]; against: readonly string[] }) =>
  backtest(settings, { store, observe, progress: () => undefined }, { ...whole, ...request })

test('the rules that ran live find the same again, and none is told as a change against themselves', async () => {
  const report = await compared({ rules: [live], against: [live] })
  expect(report.events).toBeGreaterThan(100)
  expect(judgedLive.size).toBeGreaterThan(3)
  expect(report.tried.findings).toBe(judgedLive.size)
  expect(report.against).toEqual(report.tried)
  expect(report.changes).toEqual([])
})

test('exceptions tell how many matches they silenced, those that silenced none first', async () => {
  const exception = (name: string, tool: string) =>
    `title: ${name}\nlogsource: {category: agent_tool_event}\nfilter: {rules: [payments], ours: {tool.name: ${tool}}, condition: ours}\n`
  const tried = ruleFolder('excepted', PAYMENTS, exception('needed', 'send_payment'), exception('idle', 'read_page'))
  const { exceptions, changes } = await compared({ rules: [tried], against: [live] })
  expect(exceptions).toMatchObject([{ title: 'idle', matches: 0 }, { title: 'needed' }])
  expect(exceptions[1]?.matches).toBeGreaterThan(0)
  expect(changes.some(({ cause, lost }) => cause === 'payments' && lost > 0)).toBe(true)
})

test('what a set would gain, lose and contain is told by role and cause', async () => {
  const tried = ruleFolder('tried', PAYMENTS, rule('tickets', 'close_ticket'))
  const { tried: now, against, changes } = await compared({ rules: [tried], against: [live] })
  expect(changes).toContainEqual(expect.objectContaining({ role: 'support', cause: 'tickets', lost: 0 }))
  const burst = changes.filter(({ cause }) => cause === 'burst')
  expect(burst.length).toBeGreaterThan(0)
  for (const change of burst) expect(change).toMatchObject({ gained: 0 })
  expect(changes.some(({ cause }) => cause === 'payments')).toBe(false)
  expect(now.suspended).toBe(against.suspended)
  const none = await compared({ rules: [], against: [live] })
  expect(none.tried.suspended).toBeLessThan(none.against.suspended)
})
