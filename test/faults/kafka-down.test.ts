import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { RunningBelay } from '../run/belay.ts'
import { type KafkaBroker, ownKafkaBroker } from '../services/kafka.ts'
import { difference, NONE, readBooks, scoredOtherwise, unbrokenBooks } from './books.ts'
import { KafkaFeed, uncommitted } from './kafka-feed.ts'
import { Pep } from './pep.ts'
import { metric, Rig } from './rig.ts'
import { liveStream, toNdjson } from './stream.ts'

/*
 * Goal: a broker that dies in the middle of a stream and comes back costs time and nothing else. Method: it is killed
 * with -9 twice while events flow both ways, and the end is held against a run that nobody disturbed.
 */
const EVENTS = 12_000
const PUPPETS = 4
const KILLED_AFTER = [3_000, 8_000]

const kafka = await ownKafkaBroker()
const folder = mkdtempSync(join(tmpdir(), 'belay-kafka-down-'))
const rig = new Rig(folder)
const pep = new Pep()
const startMs = Date.now() - 30 * 60_000
const stream = liveStream({ seed: 3, name: 'b', events: EVENTS, startMs, gapMs: 100, puppets: PUPPETS })

beforeAll(async () => {
  if (!kafka.available) return
  await rig.learn(startMs)
  await pep.start()
})
afterAll(async () => {
  await pep.stop()
  if (kafka.available) await kafka.service.kill()
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!kafka.available)(
  'the broker is killed and restarted twice in a stream',
  { timeout: 240_000 },
  async () => {
    if (!kafka.available) return
    const broker = kafka.service
    const belay = await rig.start(
      rig.configure('kafka', pep, { kafka: { brokers: [...broker.brokers], sessionTimeoutSeconds: 6 } }),
    )
    const feed = new KafkaFeed(broker.brokers)
    await feed.connect()
    const awayMs: number[] = []
    for (let from = 0; from < EVENTS; from += 100) {
      const sent = feed.publish(stream.events.slice(from, from + 100))
      if (KILLED_AFTER.includes(from))
        awayMs.push(await killedAndBack(broker, belay, () => feed.publish(stream.events.slice(0, 1))))
      await sent
    }
    await expect.poll(() => uncommitted(broker.brokers), { timeout: 90_000, interval: 250 }).toBe(0)
    expect((await belay.get('/readyz')).status).toBe(200)
    expect(await belay.end('SIGTERM')).toBe(0)
    await feed.close()

    const learnAtMs = startMs + 30 * 3_600_000
    const books = await readBooks(rig.data, learnAtMs)
    const path = join(folder, 'stream.ndjson')
    writeFileSync(path, toNdjson(stream.events))
    const unbroken = await unbrokenBooks(rig.data, path, learnAtMs)
    const otherwise = scoredOtherwise(unbroken, books)
    console.log(
      `Kafka killed: back to work after ${awayMs.map((ms) => (ms / 1000).toFixed(1)).join(' and ')} s; ` +
        `${books.counted.events} events once, ${pep.held.size} containments, ${otherwise.length} scored otherwise`,
    )
    expect(books.counted).toMatchObject({ events: EVENTS, distinct: EVENTS })
    expect(books.deadLetters).toBe(0)
    expect(difference(books.findings, unbroken.findings)).toEqual(NONE)
    expect(otherwise).toEqual([])
    expect(pep.contained).toEqual(expect.arrayContaining([...stream.puppets]))
    expect([...pep.held.values()].filter(({ effects }) => effects !== 1)).toEqual([])
  },
)

/** Resolves with the time from the kill until events are judged again; the process answers meanwhile. */
async function killedAndBack(broker: KafkaBroker, belay: RunningBelay, more: () => Promise<void>): Promise<number> {
  await broker.kill()
  const killedMs = Date.now()
  const { status } = await belay.get('/healthz')
  const before = await taken(belay)
  await broker.start()
  await more()
  await vi.waitUntil(async () => (await taken(belay)) > before, { timeout: 90_000, interval: 200 })
  if (status !== 200) throw new Error(`the process answered ${status} while the broker was away`)
  return Date.now() - killedMs
}

function taken(belay: RunningBelay): Promise<number> {
  return metric(belay, 'belay_events_total', 'source="kafka"')
}
