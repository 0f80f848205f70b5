import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRefExtractor } from '../accept/refs.ts'
import { calibrate, describeCalls, rehearse } from '../detect/calibrate.ts'
import { Engine, loadDetectors } from '../detect/engine.ts'
import { StreamJudge } from '../detect/judge.ts'
import { Sessions } from '../detect/session.ts'
import { WEIGHTS } from '../detect/weights.ts'
import type { Baseline, EventData, ToolEvent } from '../model/index.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { acceptedEvent, cloudEvent, T0_MS } from '../testing/events.ts'
import { emptyBaseline } from './empty.ts'
import { type LearnSettings, learnFromStore } from './learn.ts'
import { parseBaseline, type Snapshot, serialise } from './snapshot.ts'

/** Goal: what is learnt from stored events is what they show. Method: a real embedded engine, the real fold. */
const engine = new Engine(await loadDetectors([join(dirname(fileURLToPath(import.meta.url)), '../../detectors')]))
const refsOf = createRefExtractor({ key: 'test' })
const DAY_MS = 86_400_000
const NOW_MS = T0_MS + 10 * DAY_MS

let folder: string
let store: Store
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belay-learn-'))
  store = await openStore({ kind: 'embedded', directory: folder })
  await store.migrate()
})
afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

let position = 0
function event(role: string, session: string, timeMs: number, data: Partial<EventData>): ToolEvent {
  const id = `${session}-${position}`
  const cloud = cloudEvent(
    {
      call_id: id,
      agent: { id: `${role}-${position % 3}`, role },
      session: { id: session },
      ...data,
    } as Partial<EventData>,
    { id },
  )
  const full = { ...cloud.data, refs: refsOf(cloud.data) }
  return acceptedEvent({ ...cloud, data: full }, { timeMs, receivedMs: timeMs, position: position++, origin: 'p0' })
}

/** One session a day-slot: read, then send to the club, unasked. */
function sessionOf(role: string, name: string, startMs: number): ToolEvent[] {
  const agent = { id: `${role}-agent`, role }
  return [
    event(role, name, startMs, { agent, tool: { name: 'read_file' } }),
    event(role, name, startMs + 1_000, {
      agent,
      phase: 'response',
      tool: { name: 'read_file' },
      result: { status: 'ok', bytes: 100 },
    }),
    event(role, name, startMs + 2_000, {
      agent,
      tool: { name: 'send_mail' },
      args: { to: 'club@example.com' },
      egress: [{ host: 'mail.example.com', port: 25 }],
    }),
  ]
}

async function storeAll(events: readonly ToolEvent[]): Promise<void> {
  const judge = new StreamJudge({
    sessions: new Sessions(),
    engine,
    baselineOf: () => undefined,
    emptyBaseline,
    plan: () => [],
  })
  await store.write(
    events.map((one) => judge.judge(one)),
    [],
  )
}

const learn = (nowMs: number, settings: Partial<LearnSettings> = {}): Promise<readonly Snapshot[]> =>
  learnFromStore({
    store,
    nowMs,
    settings,
    calibrate: (heldOut, budgets) => calibrate(rehearse(engine, heldOut), WEIGHTS, budgets),
    describeCalls: (baseline, sessions) => describeCalls({ baseline, sessions }),
  })

describe('the learn job', () => {
  beforeAll(async () => {
    const events: ToolEvent[] = []
    for (let i = 0; i < 60; i++) events.push(...sessionOf('clerk', `c${i}`, T0_MS + (i % 5) * DAY_MS + i * 60_000))
    for (let i = 0; i < 3; i++) events.push(...sessionOf('novice', `n${i}`, T0_MS + i * DAY_MS))
    // Still going when the job runs: it must wait.
    events.push(...sessionOf('clerk', 'live', NOW_MS - 60_000))
    await storeAll(events)
  })

  it('makes an active, calibrated baseline of a role with enough history', async () => {
    const [clerk] = (await learn(NOW_MS)).map((snapshot) => parseBaseline(serialise(snapshot)))
    expect(clerk).toMatchObject({ role: 'clerk', state: 'active', sessions: 60, agents: 1, days: 5 })
    expect(clerk?.tools.surprise('files', 'send_mail').sessions).toBe(60)
    expect(clerk?.sequence.surprise(['tools/call:read_file'], 'tools/call:send_mail')).toMatchObject({ sessions: 60 })
    expect(clerk?.volume.surprise('call.bytes', 100, 'read_file')).toMatchObject({ sessions: 60 })
    expect(clerk?.hours.surprise(T0_MS).nats).toBeLessThan(1)
    for (const peer of ['mail.example.com', 'mail.example.com:25', 'mail.example.com:*'])
      expect(clerk?.destinations.egress('send_mail', peer).sessions).toBe(60)
    expect(clerk?.parameters.surprise('send_mail', ['to=text:3:mail'])?.sessions).toBeGreaterThan(0)
    expect(clerk?.calibration).toMatchObject({ sessions: 60, achieved: 0 })
  })

  it('leaves a role without enough history learning, or lets it borrow from its parent', async () => {
    const novice = (await learn(NOW_MS + 1)).find((snapshot) => snapshot.role === 'novice')
    expect(novice).toMatchObject({ state: 'learning', sessions: 3 })
    const parentOf = (_tenant: string, role: string) => (role === 'novice' ? 'clerk' : undefined)
    const borrowed = (await learn(NOW_MS + 2, { parentOf })).find((snapshot) => snapshot.role === 'novice')
    expect(borrowed).toMatchObject({ state: 'active', parent: 'clerk', sessions: 63 })
  })

  it('is idempotent: a day that is learnt again counts once', async () => {
    const [first] = await learn(NOW_MS + 3)
    const [again] = await learn(NOW_MS + 4)
    expect(again && serialise(again)).toBe(first && serialise(first))
  })

  it('learns neither what was alerted nor what was contained, until a person clears it', {
    timeout: 60_000,
  }, async () => {
    const day = NOW_MS - DAY_MS
    const events = sessionOf('clerk', 'bad', day)
    const judge = new StreamJudge({
      sessions: new Sessions(),
      engine,
      baselineOf: () => undefined,
      emptyBaseline,
      plan: () => [],
    })
    const judged = events.map((one) => judge.judge(one))
    await store.write(
      judged.map((one) => ({ ...one, verdict: { ...one.verdict, action: 'suspend_session' as const } })),
      [],
    )
    const sessions = async (nowMs: number): Promise<number | undefined> =>
      (await learn(nowMs)).find((snapshot) => snapshot.role === 'clerk')?.sessions
    expect(await sessions(NOW_MS + 5)).toBe(60)
    await store.insert('session_clearances', [
      { tenant: 'default', agent_id: 'clerk-agent', session_id: 'bad', cleared_by: 'me', note: 'fine', at: NOW_MS },
    ])
    expect(await sessions(NOW_MS + 6)).toBe(61)
  })

  it('learns a day again when one of its sessions is cleared, however long after', async () => {
    const judge = new StreamJudge({
      sessions: new Sessions(),
      engine,
      baselineOf: () => undefined,
      emptyBaseline,
      plan: () => [],
    })
    const judged = sessionOf('clerk', 'old', T0_MS + DAY_MS).map((one) => judge.judge(one))
    await store.write(
      judged.map((one) => ({ ...one, verdict: { ...one.verdict, action: 'suspend_session' as const } })),
      [],
    )
    const sessions = async (nowMs: number): Promise<number | undefined> =>
      (await learn(nowMs)).find((snapshot) => snapshot.role === 'clerk')?.sessions
    const laterMs = NOW_MS + 5 * DAY_MS
    const before = await sessions(laterMs)
    await store.insert('session_clearances', [
      { tenant: 'default', agent_id: 'clerk-agent', session_id: 'old', cleared_by: 'me', note: 'fine', at: laterMs },
    ])
    // Not at the next turn only: three days later, and with nothing else to learn.
    expect(await sessions(laterMs + 3 * DAY_MS)).toBe((before ?? 0) + 1)
    expect(await sessions(laterMs + 3 * DAY_MS + 1)).toBe((before ?? 0) + 1)
  })

  it('bounds what one agent contributes to a day', async () => {
    const capped = await learn(NOW_MS + 8 * DAY_MS + 7, { maxSessionsPerAgentDay: 2, windowDays: 60 })
    // Days learnt before stay as they are; only the last two are learnt again.
    expect(capped.find((snapshot) => snapshot.role === 'clerk')?.sessions).toBeGreaterThan(50)
    await store.command('TRUNCATE TABLE learnt_days')
    const again = await learn(NOW_MS + 8 * DAY_MS + 8, { maxSessionsPerAgentDay: 2 })
    expect(again.find((snapshot) => snapshot.role === 'clerk')?.sessions).toBe(12)
  })

  it('withholds a tool that one of three agents lately dripped into the role, until a person clears it', {
    timeout: 60_000,
  }, async () => {
    const laterMs = NOW_MS + 40 * DAY_MS
    const events: ToolEvent[] = []
    for (let day = 0; day < 20; day++)
      for (let i = 0; i < 6; i++) {
        const agent = { id: `teller-${i % 3}`, role: 'teller' }
        const name = `t${day}-${i}`
        const startMs = laterMs - (21 - day) * DAY_MS + i * 60_000
        events.push(event('teller', name, startMs, { agent, tool: { name: 'read_file' } }))
        if (day < 10 || i % 3 > 0) continue
        events.push(event('teller', name, startMs + 1_000, { agent, tool: { name: 'export_all' } }))
      }
    await storeAll(events)
    const teller = async () => {
      const snapshot = (await learn(laterMs)).find(({ role }) => role === 'teller')
      if (snapshot === undefined) throw new Error('teller was not learnt')
      return parseBaseline(serialise(snapshot))
    }
    const usesOf = ({ tools }: Baseline): number => tools.surprise('files', 'export_all').sessions
    const suspected = await teller()
    expect(suspected.state).toBe('suspected-poisoned')
    expect(suspected.suspects).toMatchObject([{ tool: 'export_all', sessions: 20, agents: 1, ofAgents: 3 }])
    expect(usesOf(suspected)).toBe(0)
    const cleared = [...new Set(events.map(({ data }) => data))].filter(({ tool }) => tool?.name === 'export_all')
    for (const { agent, session } of cleared)
      await store.command(
        `INSERT INTO session_clearances (tenant, agent_id, session_id) VALUES ('default', {agent:String}, {session:String})`,
        { agent: agent.id, session: session.id },
      )
    const wanted = await teller()
    expect(wanted.state).not.toBe('suspected-poisoned')
    expect(usesOf(wanted)).toBe(20)
  })
})
