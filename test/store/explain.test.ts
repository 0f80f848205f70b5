import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { createRefExtractor } from '../../src/accept/refs.ts'
import { emptyBaseline } from '../../src/baseline/empty.ts'
import { learnFromStore } from '../../src/baseline/learn.ts'
import { calibrate, rehearse } from '../../src/detect/calibrate.ts'
import { Engine, loadDetectors } from '../../src/detect/engine.ts'
import { StreamJudge } from '../../src/detect/judge.ts'
import { Sessions } from '../../src/detect/session.ts'
import { WEIGHTS } from '../../src/detect/weights.ts'
import type { Baseline, EventData, ToolEvent } from '../../src/model/index.ts'
import { BaselineBook } from '../../src/run/parts/baselines.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { acceptedEvent, cloudEvent, T0_MS } from '../../src/testing/events.ts'
import { numbersOf, text } from '../../src/web/explain/numbers.ts'
import { type Explanation, explainEvent } from '../../src/web/explain.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/** Goal: every number of an explanation can be counted again. Method: learn, judge, store, explain, compare. */
const engine = new Engine(await loadDetectors([join(dirname(fileURLToPath(import.meta.url)), '../../detectors')]))
const refsOf = createRefExtractor({ key: 'test' })
const DAY_MS = 86_400_000
let store: Store
let book: BaselineBook
let position = 0

function event(session: string, timeMs: number, data: Partial<EventData>): ToolEvent {
  const id = `${session}-${position}`
  const agent = { id: 'clerk-1', role: 'clerk' }
  const cloud = cloudEvent({ call_id: id, agent, session: { id: session }, ...data } as Partial<EventData>, { id })
  const full = { ...cloud.data, refs: refsOf(cloud.data) }
  return acceptedEvent({ ...cloud, data: full }, { timeMs, receivedMs: timeMs, position: position++, origin: 'p0' })
}

async function judged(
  events: readonly ToolEvent[],
  baselineOf: (tenant: string, role: string) => Baseline | undefined,
) {
  const judge = new StreamJudge({ sessions: new Sessions(), engine, baselineOf, emptyBaseline, plan: () => [] })
  const verdicts = events.map((one) => judge.judge(one))
  await store.write(verdicts, [])
  return verdicts
}

beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
  const history = Array.from({ length: 40 }, (_, i) => {
    const startMs = T0_MS + (i % 5) * DAY_MS + i * 60_000
    return [
      event(`s${i}`, startMs, { tool: { name: 'read_file' }, args: { path: `/srv/${i}.txt` } }),
      event(`s${i}`, startMs + 900, {
        phase: 'response',
        tool: { name: 'read_file' },
        result: { status: 'ok', bytes: 90 },
      }),
    ]
  }).flat()
  await judged(history, () => undefined)
  book = new BaselineBook(store, 30)
  const nowMs = T0_MS + 6 * DAY_MS
  const snapshots = await learnFromStore({
    store,
    nowMs,
    calibrate: (heldOut, budget) => calibrate(rehearse(engine, heldOut), WEIGHTS, budget),
  })
  await book.publish(snapshots, nowMs)
}, 120_000)
afterAll(() => store.close())

/** Whatever a stranger may put into an event. */
const NOBODYS = {
  tenant: "t'",
  agent: 'a\\',
  role: 'r\n',
  session: "'; DROP TABLE events; --",
  source: 's',
  event_id: 'e',
  time: T0_MS,
  server: "'",
  tool: "x%_\\'",
  token: '\u001f',
  parameters: ["a=b'"],
  refs: [],
}
const WINDOW = { roles: ["r'"], fromDay: '2026-11-01', toDay: '2026-11-05', timeZone: 'UTC' }

describe('an explanation', () => {
  it('says by what history an event was judged, and its queries count the same again', async () => {
    const atMs = T0_MS + 7 * DAY_MS
    const attack = [
      event('odd', atMs, { tool: { name: 'read_file' }, args: { path: '~/.ssh/id_rsa' } }),
      event('odd', atMs + 2_000, { tool: { name: 'send_money' }, args: { to: "o'brien\\" } }),
    ]
    await judged(attack, book.of)
    const [first, second] = await Promise.all(attack.map(({ id }) => explained(id)))
    expect(second?.baseline).toMatchObject({ state: 'active', sessions: 40, agents: 1, days: 5 })
    expect(second?.event).toMatchObject({ session: 'odd', tool: 'send_money', baseline: second?.baseline?.version })
    const newTool = second?.signals.find(({ id }) => id === 'new-tool-for-role')
    expect(newTool?.reasons[0]?.observed).toBe('used in 0 of 40 sessions of role clerk')
    expect(newTool?.numbers[0]?.rows).toEqual([])
    const reach = first?.signals.find(({ id }) => id === 'credential-access')
    expect(reach?.reasons[0]?.expected).toBe('none in 80 calls of role clerk')
    expect(reach?.numbers[0]?.rows).toMatchObject([{ key: 'read_file', subkey: '#' }])
    expect(Number(reach?.numbers[0]?.rows[0]?.events)).toBe(80)
    expect(second?.observed.rows).toHaveLength(1)
  })

  it.each(['untrusted-destination', 'explained-by-untrusted-text', 'unusual-connection', 'new-tool-for-role'])(
    'has numbers for %s, which leans on what the role did',
    (id) => {
      expect(numbersOf(id, NOBODYS, WINDOW)).not.toEqual([])
    },
  )

  it('of an event that is not there is none', async () => {
    expect(await explainEvent(store, { tenant: 'default', event: 'nothing', source: '' })).toEqual({ found: 'none' })
  })

  it.each(engine.detectors.map(({ id }) => id))(
    'has queries for %s that the engine takes, whatever the event holds',
    async (id) => {
      for (const { sql } of numbersOf(id, NOBODYS, WINDOW)) expect(Array.isArray(await store.query(sql))).toBe(true)
    },
  )
})

test('a text is one literal whatever it holds', async () => {
  for (const value of ["it's", 'back\\slash', 'tab\tnul\u0000unit\u001f', '💶 é', "\\'; SELECT 1 --"])
    expect(await store.query(`SELECT ${text(value)} AS value`)).toEqual([{ value }])
})

async function explained(id: string): Promise<Explanation> {
  const answer = await explainEvent(store, { tenant: 'default', event: id, source: '' })
  if (answer.found !== 'one') throw new Error(`${id}: ${answer.found}`)
  return answer.explanation
}
