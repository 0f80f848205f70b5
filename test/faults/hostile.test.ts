import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import kafkajs from 'kafkajs'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { chdbFolder } from '../../src/run/parts/store.ts'
import { openStore } from '../../src/store/open.ts'
import { RunningBelay } from '../run/belay.ts'
import { toolEvent } from '../run/tool-event.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { difference, NONE } from './books.ts'
import { type Hostile, hostileEvents, hostileRecords } from './hostile.ts'
import { client, KafkaFeed, TOPICS, uncommitted } from './kafka-feed.ts'

/*
 * Goal: whatever strangers send, it is stored, answered or dead-lettered with its bytes, and the process lives on in
 * bounded memory. Method: seeded events of twenty kinds, most of them bad, through the HTTP ingest and through Kafka;
 * each kind says what must become of it, and the store is held against that.
 */
const SEED = 20_261_121
const COUNT = { http: 6_000, kafka: 5_000 } as const
const LINES_PER_REQUEST = 40
const MAX_KEPT_BYTES = 256 * 1024
const MAX_PEAK_MB = 1_500

const kafka = await kafkaBroker()
const folder = mkdtempSync(join(tmpdir(), 'belay-hostile-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Answer {
  readonly accepted?: number
  readonly rejected?: readonly { readonly index: number; readonly reason: string; readonly detail: string }[]
  readonly errors?: Answer['rejected']
}

test(`${COUNT.http} events of strangers through HTTP`, { timeout: 180_000 }, async () => {
  const data = join(folder, 'http')
  const belay = await RunningBelay.start(['--data', data])
  const events = hostileEvents('h', COUNT.http, SEED)
  for (let from = 0; from < events.length; from += LINES_PER_REQUEST) {
    const some = events.slice(from, from + LINES_PER_REQUEST)
    const isZipped = (from / LINES_PER_REQUEST) % 2 === 0
    const response = await postLines(belay, some, isZipped)
    expect(response.status).toBe(some.some(isTaken) ? 202 : 400)
    const { rejected, errors } = (await response.json()) as Answer
    const refusals = new Map((rejected ?? errors ?? []).map((one) => [one.index, one]))
    const wrong = some.flatMap((one, index) => {
      const refusal = refusals.get(index)
      return isAsSaid(one, refusal?.reason) ? [] : [{ kind: one.kind, id: one.id, refusal }]
    })
    expect(wrong).toEqual([])
  }
  const alone = await wholeRequests(belay)
  const peakMb = peakOf(belay.pid)
  expect(await belay.get('/healthz')).toMatchObject({ status: 200 })
  expect(belay.complaints).not.toContain('could not be restored')
  expect(await belay.end('SIGTERM')).toBe(0)
  await checkStore('HTTP', data, [...events, ...alone], peakMb)
  expect(peakMb).toBeLessThan(MAX_PEAK_MB)
})

test.skipIf(!kafka.available)(`${COUNT.kafka} events of strangers through Kafka`, { timeout: 180_000 }, async () => {
  if (!kafka.available) return
  const { brokers } = kafka.service
  const data = join(folder, 'kafka')
  const config = join(folder, 'kafka.yaml')
  writeFileSync(config, stringify({ kafka: { brokers: [...brokers], sessionTimeoutSeconds: 6 } }))
  const belay = await RunningBelay.start(['--config', config, '--data', data])
  const feed = new KafkaFeed(brokers)
  await feed.connect()
  const events = [...hostileEvents('k', COUNT.kafka, SEED + 1), ...hostileRecords('k')]
  for (let from = 0; from < events.length; from += LINES_PER_REQUEST) {
    const some = events.slice(from, from + LINES_PER_REQUEST)
    // Compressed, many large ones fit into one request; what they inflate to is up to us.
    await feed.send(
      some.map((one, at) => ({ key: keyOf(at), value: one.bytes, headers: { ...one.headers } })),
      kafkajs.CompressionTypes.GZIP,
    )
  }
  await feed.send([{ key: 'deleted', value: null }])
  const bomb = Buffer.alloc(24 * 1024 * 1024, 'b')
  await feed.send([{ key: 'bomb', value: bomb }], kafkajs.CompressionTypes.GZIP)
  await expect.poll(() => uncommitted(brokers), { timeout: 120_000, interval: 250 }).toBe(0)
  const peakMb = peakOf(belay.pid)
  expect(await belay.get('/healthz')).toMatchObject({ status: 200 })
  expect(belay.complaints).not.toContain('could not be restored')
  expect(await belay.end('SIGTERM')).toBe(0)
  const more = [bomb, Buffer.alloc(0)].map(
    (bytes): Hostile => ({ kind: 'bomb', id: '', bytes, refusedAs: ['size', 'json'] }),
  )
  await checkStore('Kafka', data, [...events, ...more], peakMb)
  const topic = await client(brokers).admin().fetchTopicOffsets(TOPICS.deadLetters)
  expect(topic.reduce((sum, { high }) => sum + Number(high), 0)).toBe(
    [...events, ...more].filter((one) => !isTaken(one)).length,
  )
  await feed.close()
  expect(peakMb).toBeLessThan(MAX_PEAK_MB)
})

const KEYS = ['a-key', null, '', '\u0000', 'x'.repeat(5_000)] as const

function keyOf(at: number): string | null {
  return KEYS[at % KEYS.length] ?? null
}

const isTaken = (one: Hostile): boolean => one.refusedAs.length === 0

function isAsSaid({ refusedAs }: Hostile, reason: string | undefined): boolean {
  return reason === undefined ? refusedAs.length === 0 : refusedAs.includes(reason)
}

function postLines(belay: RunningBelay, events: readonly Hostile[], isZipped: boolean): Promise<Response> {
  const lines = Buffer.concat(events.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]))
  return belay.send('/v1/events', isZipped ? gzipSync(lines) : lines, {
    'content-type': 'application/x-ndjson',
    ...(isZipped && { 'content-encoding': 'gzip' }),
  })
}

/** Requests of which nothing can be taken. Resolves with the bytes of those that could be told to be one bad event. */
async function wholeRequests(belay: RunningBelay): Promise<readonly Hostile[]> {
  const json = 'application/cloudevents+json'
  const batch = 'application/cloudevents-batch+json'
  const gzip = { 'content-encoding': 'gzip' }
  const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024))
  const whole = Buffer.from(JSON.stringify([toolEvent('w1'), toolEvent('w2')]))
  const nested = '['.repeat(999_999) + ']'.repeat(999_999)
  const requests: readonly (readonly [Uint8Array<ArrayBuffer>, Record<string, string>, string?])[] = [
    [bomb, { 'content-type': json, ...gzip }],
    [bomb, { 'content-type': 'application/x-ndjson', ...gzip }],
    [gzipSync(bomb), { 'content-type': json, ...gzip }, bomb.toString('latin1')],
    [whole, { 'content-type': json, ...gzip }],
    [whole.subarray(0, -1), { 'content-type': batch }],
    [Buffer.from('['.repeat(5_000_000)), { 'content-type': batch }],
    [Buffer.from(`[${nested}]`), { 'content-type': batch }, nested],
    [Buffer.from(`"${'\\'.repeat(1_000_001)}`), { 'content-type': batch }],
    [Buffer.alloc(17 * 1024 * 1024, ' '), { 'content-type': json }],
    [Buffer.alloc(0), { 'content-type': json }, ''],
    [whole, { 'content-type': 'text/html' }],
    [whole, { 'content-type': batch, 'content-encoding': 'br' }],
  ]
  for (const [body, headers] of requests)
    expect([400, 413, 415, 'broken off']).toContain(await statusOf(belay, body, headers))
  return requests.flatMap(([, , one]) =>
    one === undefined
      ? []
      : [{ kind: 'whole', id: '', bytes: Buffer.from(one, 'latin1'), refusedAs: ['json', 'size'] }],
  )
}

/** Who is refused for size may find the connection closed before all was sent. */
async function statusOf(
  belay: RunningBelay,
  body: Uint8Array<ArrayBuffer>,
  headers: Record<string, string>,
): Promise<number | 'broken off'> {
  try {
    return (await belay.send('/v1/events', body, headers)).status
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } }
    if (cause?.code === 'EPIPE' || cause?.code === 'ECONNRESET') return 'broken off'
    throw error
  }
}

/** Every valid event is there once; every other one is a dead letter with a fitting reason and its own bytes. */
async function checkStore(way: string, data: string, events: readonly Hostile[], peakMb: number): Promise<void> {
  const store = await openStore({ kind: 'embedded', directory: chdbFolder(data) })
  const stored = await store.query<{ readonly id: string }>('SELECT event_id AS id FROM events')
  const letters = await store.query<{ readonly reason: string; readonly digest: string }>(
    'SELECT reason, lower(hex(SHA256(bytes))) AS digest FROM dead_letters',
  )
  await store.close()
  const taken = events.filter(isTaken)
  const refused = events.filter((one) => !isTaken(one))
  console.log(
    `hostile ${way}: ${events.length} events, ${stored.length} stored, ${letters.length} dead letters, peak ${peakMb} MB`,
  )
  expect(
    difference(
      stored.map(({ id }) => id),
      taken.map(({ id }) => id),
    ),
  ).toEqual(NONE)
  const digests = refused.map(({ bytes }) =>
    createHash('sha256').update(bytes.subarray(0, MAX_KEPT_BYTES)).digest('hex'),
  )
  expect(
    difference(
      letters.map(({ digest }) => digest),
      digests,
    ),
  ).toEqual(NONE)
  const reasons = new Set(letters.map(({ reason }) => reason))
  expect(['json', 'schema', 'size', 'time'].filter((reason) => !reasons.has(reason))).toEqual([])
}

/** The most memory the process ever held, MB. */
function peakOf(pid: number): number {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}
