import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seeded } from '../../scripts/fixtures/world.ts'
import type { RunningBelay } from '../run/belay.ts'
import { type KafkaBroker, ownKafkaBroker } from '../services/kafka.ts'
import { difference, NONE, readBooks, scoredOtherwise, unbrokenBooks } from './books.ts'
import { HttpFeed } from './http-feed.ts'
import { KafkaFeed, uncommitted } from './kafka-feed.ts'
import { Pep } from './pep.ts'
import { metric, Rig } from './rig.ts'
import { liveStream, toNdjson } from './stream.ts'

/*
 * Goal: kill -9 at any moment loses nothing and counts nothing twice, in events, findings, profiles and containments.
 * Method: 50,000 events flow, half through Kafka and half through the HTTP ingest, into one data folder; the process is
 * killed at seeded moments in the middle of it and started again. What the store and the gateway say in the end is held
 * against a run over the same events that nobody disturbed. (Through HTTP the rounds are shorter: a consumer group
 * waits for a member that was killed until its session ends.)
 */
const SEED = 20_261_121
const EVENTS = 50_000
const ROUNDS = { kafka: 10, http: 14 } as const
const EVENTS_PER_SEND = 20
const PUPPETS = 24

const kafka = await ownKafkaBroker()
const folder = mkdtempSync(join(tmpdir(), 'belay-kill-'))
const rig = new Rig(folder)
const pep = new Pep()
const random = seeded(SEED)
const startMs = Date.now() - 60 * 60_000
const live = (name: string, at: number) =>
  liveStream({
    seed: SEED + at,
    name,
    events: EVENTS / 2,
    startMs: startMs + at * 30 * 60_000,
    gapMs: 60,
    puppets: PUPPETS / 2,
  })
const [byKafka, byHttp] = [live('k', 0), live('h', 1)]
const events = [...byKafka.events, ...byHttp.events]
/** Everything has settled by then. */
const learnAtMs = startMs + 30 * 3_600_000

beforeAll(async () => {
  await rig.learn(startMs)
  await pep.start()
})
afterAll(async () => {
  await pep.stop()
  if (kafka.available) await kafka.service.kill()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!kafka.available)(
  `${ROUNDS.kafka + ROUNDS.http} kills while 50,000 events flow`,
  { timeout: 600_000 },
  async () => {
    if (!kafka.available) return
    const begunMs = Date.now()
    const killed = (await throughKafka(kafka.service)) + (await throughHttp())
    const flowedMs = Date.now() - begunMs

    const books = await readBooks(rig.data, learnAtMs)
    const stream = join(folder, 'stream.ndjson')
    writeFileSync(stream, toNdjson(events))
    const unbroken = await unbrokenBooks(rig.data, stream, learnAtMs)
    const otherwise = scoredOtherwise(unbroken, books)
    console.log(
      `kill -9: ${killed} kills in ${Math.round(flowedMs / 1000)} s, ${books.counted.events} events once ` +
        `(${books.counted.stored} rows), ${books.findings.length} findings, ${pep.held.size} containments by ` +
        `${pep.callbacks} callbacks, ${otherwise.length} events scored otherwise than unbroken`,
    )
    expect(killed).toBeGreaterThanOrEqual(20)
    expect(books.counted).toMatchObject({ events: EVENTS, distinct: EVENTS })
    expect(books.deadLetters).toBe(0)
    expect(difference(books.findings, unbroken.findings)).toEqual(NONE)
    expect(difference(books.sessions, unbroken.sessions)).toEqual(NONE)
    expect(books.learnt).toEqual(unbroken.learnt)
    expect(otherwise).toEqual([])

    const puppets = [...byKafka.puppets, ...byHttp.puppets]
    expect(puppets).toHaveLength(PUPPETS)
    expect(pep.contained).toEqual(expect.arrayContaining(puppets))
    // With effect once: no containment twice, and no second one for the same session, cause and rung.
    const effects = [...pep.held.values()]
    expect(effects.filter((one) => one.effects !== 1 || one.released)).toEqual([])
    expect(new Set(effects.map(({ session, cause, action }) => `${session} ${cause} ${action}`)).size).toBe(
      effects.length,
    )
    const acknowledged = pep.contained.map((session) => `${session} acknowledged`)
    expect(difference(acknowledged, books.containments)).toEqual(NONE)
    const contained = unbroken.sessions.map((line) => line.split(' ')[0] ?? '')
    expect(difference([...new Set(pep.contained)], contained)).toEqual(NONE)
  },
)

/** Events are published until the kill, and while nobody is there. Resolves with the kills. */
async function throughKafka({ brokers }: KafkaBroker): Promise<number> {
  const feed = new KafkaFeed(brokers)
  const rest = [...byKafka.events]
  const send = () => feed.publish(rest.splice(0, EVENTS_PER_SEND))
  const config = rig.configure('kafka', pep, { kafka: { brokers: [...brokers], sessionTimeoutSeconds: 6 } })
  let belay = await rig.start(config)
  await feed.connect()
  for (let round = 0; round < ROUNDS.kafka; round++) {
    if (round > 0) belay = await rig.start(config)
    await send()
    await expect.poll(() => taken(belay, 'kafka'), { timeout: 60_000, interval: 50 }).toBeGreaterThan(0)
    await killWhile(belay, send, Math.min(rest.length, EVENTS / 2 / ROUNDS.kafka))
  }
  while (rest.length > 0) await send()
  belay = await rig.start(config)
  await expect.poll(() => uncommitted(brokers), { timeout: 120_000, interval: 500 }).toBe(0)
  expect(await belay.end('SIGTERM')).toBe(0)
  await feed.close()
  return ROUNDS.kafka
}

/** A client that sends each batch again until it is answered 202. */
async function throughHttp(): Promise<number> {
  const config = rig.configure('http', pep, {})
  const rest = [...byHttp.events]
  let belay = await rig.start(config)
  const feed = new HttpFeed(() => belay.url)
  const sending = (async () => {
    while (rest.length > 0) await feed.send(rest.splice(0, EVENTS_PER_SEND * 4))
  })()
  for (let round = 0; round < ROUNDS.http; round++) {
    await expect.poll(() => taken(belay, 'http'), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0)
    await delay(random.next() * 600)
    await belay.end('SIGKILL')
    belay = await rig.start(config)
  }
  await sending
  expect(await belay.end('SIGTERM')).toBe(0)
  return ROUNDS.http
}

/** Kills at a moment of real time, the one thing that has to happen so, while events are sent. */
async function killWhile(belay: RunningBelay, send: () => Promise<void>, most: number): Promise<void> {
  let alive = true
  const feeding = (async () => {
    for (let sent = 0; alive && sent < most; sent += EVENTS_PER_SEND) await send()
  })()
  await delay(random.next() * 600)
  await belay.end('SIGKILL')
  alive = false
  await feeding
}

/** Events that this process has taken, by its own count. */
function taken(belay: RunningBelay, source: string): Promise<number> {
  return metric(belay, 'belay_events_total', `source="${source}",outcome="accepted"`)
}
