import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Engine, loadDetectors } from '../../src/detect/engine.ts'
import { type Judged, sessionKeyOf, type ToolEvent } from '../../src/model/index.ts'
import { parseConfig } from '../../src/run/config.ts'
import { openJudge } from '../../src/run/parts/judge.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { baselineOf, profileRow } from '../../src/testing/baseline.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/** Goal: who takes over judges as who went on would have. Method: the real engine, a stream cut at several places. */
const engine = new Engine(await loadDetectors([join(import.meta.dirname, '../../detectors')]))
const config = parseConfig('{}', 'test')
const busy = baselineOf({
  tools: [profileRow('files', 'read_file', 90)],
  volume: [profileRow('agent-hour.calls', '6', 100), profileRow('agent-hour.bytes', '30', 100)],
})

let store: Store
beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

/** Two agents with two sessions each, three quarters of an hour of them; every seventh event is late. */
function stream(tenant: string): readonly ToolEvent[] {
  return Array.from({ length: 60 }, (_, i) => {
    const agent = `agent-${i % 2}`
    const data = {
      call_id: `${Math.floor(i / 4)}`,
      agent: { id: agent },
      session: { id: `s${i % 4}` },
      tool: { name: i % 9 === 0 ? 'wipe' : 'read_file' },
      phase: i % 3 === 0 ? 'request' : 'response',
      ...(i % 3 === 0 ? {} : { result: { status: 'ok' as const, bytes: 40 * i, records: i } }),
    } as const
    const timeMs = T0_MS + (45 + i - (i % 7 === 6 ? 20 : 0)) * 45_000
    return toolEvent(data, { tenant, id: `${tenant}-${i}`, timeMs, receivedMs: T0_MS + i, position: i, origin: 'p0' })
  })
}

const essence = ({ event, facts, agentHour, verdict }: Judged): unknown => ({ id: event.id, facts, agentHour, verdict })

test.each([1, 13, 31, 47])('a stream that another process takes over after %i events', async (cut) => {
  const events = stream(`cut-${cut}`)
  const parts = { engine, baselineOf: () => busy }
  const first = openJudge(config, parts).judge
  const whole = events.map((event) => first.judge(event))
  expect(whole.some(({ verdict }) => verdict.signals.some(({ by }) => by.id === 'unusual-volume'))).toBe(true)
  await store.write(whole.slice(0, cut), [])
  const second = openJudge(config, { ...parts, store }).judge
  const rest = events.slice(cut)
  await second.restoreUnknown(rest)
  expect(rest.map((event) => essence(second.judge(event)))).toEqual(whole.slice(cut).map(essence))
})

test('a flood of new sessions asks the store once', async () => {
  const known = toolEvent({}, { tenant: 'flood', id: 'known', position: 0 })
  const { judge } = openJudge(config, { engine, baselineOf: () => busy })
  await store.write([judge.judge(known)], [])
  const asked: string[] = []
  const counting: Pick<Store, 'history' | 'agentHours' | 'recentSessions'> = {
    history(bounds, idleMs) {
      asked.push(...bounds.map(({ key }) => key))
      return store.history(bounds, idleMs)
    },
    agentHours: (bounds) => store.agentHours(bounds),
    recentSessions(sinceMs, limit) {
      asked.push('recent')
      return store.recentSessions(sinceMs, limit)
    },
  }
  const next = openJudge(config, { engine, baselineOf: () => busy, store: counting }).judge
  for (let i = 1; i <= 20; i++) {
    const event = toolEvent({ session: { id: `new-${i}` } }, { tenant: 'flood', id: `new-${i}`, position: i })
    await next.restoreUnknown([event])
    next.judge(event)
  }
  await next.restoreUnknown([{ ...known, id: 'again', position: 21 }])
  expect(asked).toEqual(['recent', sessionKeyOf(known)])
})
