import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CloudEvent } from '../../src/model/index.ts'
import { openStore } from '../../src/store/open.ts'
import { type ClickHouseService, startClickHouse } from '../services/clickhouse.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { FlakyStore, type Mood } from './flaky-store.ts'
import { KafkaFeed, uncommitted } from './kafka-feed.ts'
import { Pep } from './pep.ts'
import { metric, Rig } from './rig.ts'
import { liveStream, type Stream } from './stream.ts'

/*
 * Goal: containment goes on while the store takes nothing, memory stays bounded, and afterwards everything is stored
 * once. Method: for 30 s the store refuses, cuts connections and hangs in turn; in each mood a hijacked session starts,
 * then more events are published than may wait.
 */
const OUTAGE_MS = 30_000
const MOODS: readonly Mood[] = ['refuses', 'cuts', 'hangs']
/** A store that hangs is asked for sessions that only it remembers; that is given up after 5 s. */
const CONTAINED_WITHIN_MS = 15_000
const FLOOD = 20_000
const MAX_UNSTORED = 4_000
/** More than run at once, fewer than there are. */
const MAX_SESSIONS = 100
const MAX_GROWTH_MB = 300

const kafka = await kafkaBroker()
const folder = mkdtempSync(join(tmpdir(), 'belay-store-down-'))
const rig = new Rig(folder)
const pep = new Pep()
const startMs = Date.now() - 20 * 60_000
const streamOf = (name: string, events: number, puppets: number): Stream =>
  liveStream({ seed: 9, name, events, startMs, gapMs: 50, puppets })
let clickhouse: ClickHouseService | undefined
let store: FlakyStore | undefined

beforeAll(async () => {
  if (!kafka.available) return
  await rig.learn(startMs)
  await pep.start()
  mkdirSync(join(folder, 'clickhouse'))
  clickhouse = await startClickHouse(join(folder, 'clickhouse'))
  store = new FlakyStore(clickhouse.url)
  await store.start()
})
afterAll(async () => {
  await pep.stop()
  await store?.stop()
  await clickhouse?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!kafka.available)('the store takes nothing for 30 s', { timeout: 240_000 }, async () => {
  if (!kafka.available || clickhouse === undefined || store === undefined) return
  const { brokers } = kafka.service
  const parts = {
    kafka: { brokers: [...brokers], group: 'store-down' },
    limits: { maxUnstored: MAX_UNSTORED, maxSessions: MAX_SESSIONS },
  }
  const belay = await rig.start(rig.configure('store', pep, { ...parts, clickhouse: { url: store.url } }))
  const feed = new KafkaFeed(brokers)
  await feed.connect()
  const calm = streamOf('calm', 2_000, 1)
  await feed.publish(calm.events)
  await expect.poll(() => uncommitted(brokers, 'store-down'), { timeout: 60_000, interval: 250 }).toBe(0)
  const beforeMb = memoryOf(belay.pid)

  const awayMs = Date.now()
  const streams: Stream[] = [calm]
  const latenciesMs: number[] = []
  for (const mood of MOODS) {
    store.mood = mood
    const stream = unnumbered(streamOf(mood, 300, 1))
    // An event of a session that only the store remembers comes first: it is looked for, and not for long.
    const taken = () => metric(belay, 'belay_events_total', 'source="kafka"')
    const before = await taken()
    await feed.publish(forgotten(calm, mood))
    await expect.poll(taken, { timeout: 20_000, interval: 20 }).toBeGreaterThan(before)
    const publishedMs = Date.now()
    await feed.publish(stream.events)
    await expect
      .poll(() => pep.appliedMs(stream.puppets[0] ?? ''), { timeout: CONTAINED_WITHIN_MS, interval: 10 })
      .toBeDefined()
    latenciesMs.push((pep.appliedMs(stream.puppets[0] ?? '') ?? 0) - publishedMs)
    streams.push(stream)
  }
  const flood = streamOf('flood', FLOOD, 0)
  for (let from = 0; from < FLOOD; from += 1_000) await feed.publish(flood.events.slice(from, from + 1_000))
  // The outage lasts as long as it says; the process has nothing to wait for.
  await delay(Math.max(0, awayMs + OUTAGE_MS - Date.now()))
  const unstored = await metric(belay, 'belay_unstored_events')
  const grownMb = memoryOf(belay.pid) - beforeMb
  expect((await belay.get('/healthz')).status).toBe(200)
  expect((await belay.get('/readyz')).status).toBe(503)

  const backMs = Date.now()
  store.recover()
  await expect.poll(() => uncommitted(brokers, 'store-down'), { timeout: 120_000, interval: 250 }).toBe(0)
  const caughtUpMs = Date.now() - backMs
  expect(await belay.end('SIGTERM')).toBe(0)
  await feed.close()
  console.log(
    `store away for ${Math.round((backMs - awayMs) / 1000)} s: contained after ${latenciesMs.join(', ')} ms while it ` +
      `${MOODS.join(', ')}; ${unstored} events waited, ${grownMb} MB more; caught up in ${(caughtUpMs / 1000).toFixed(1)} s`,
  )
  const events = [...streams, flood].flatMap((stream) => stream.events)
  events.push(...MOODS.flatMap((mood) => forgotten(calm, mood)))
  const reader = await openStore({ kind: 'server', url: clickhouse.url })
  const counted = await reader.query('SELECT count() AS events, uniqExact(source, event_id) AS distinct FROM events')
  await reader.close()
  expect(counted).toEqual([{ events: events.length, distinct: events.length }])
  expect([...pep.held.values()].filter(({ effects }) => effects !== 1)).toEqual([])
  expect(unstored).toBeLessThan(MAX_UNSTORED + 10_000)
  expect(grownMb).toBeLessThan(MAX_GROWTH_MB)
})

/** One more event of a session of the stream that is long over and not in memory any more; another for each mood. */
function forgotten({ events }: Stream, mood: Mood): readonly CloudEvent[] {
  const first = events[MOODS.indexOf(mood) * 10]
  if (first === undefined) throw new Error('the stream is too short')
  const { seq: _seq, ...data } = first.data
  return [{ ...first, id: `late-${mood}`, time: events.at(-1)?.time ?? first.time, data }]
}

/** Without numbers nobody can tell a session's first event: Belay has to ask the store for what came before. */
function unnumbered({ events, puppets }: Stream): Stream {
  const without = ({ data: { seq: _seq, ...data }, ...event }: CloudEvent): CloudEvent => ({ ...event, data })
  return { events: events.map(without), puppets }
}

function memoryOf(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}
