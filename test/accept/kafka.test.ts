import { createHmac, randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import kafkajs, { type KafkaMessage, type Message } from 'kafkajs'
import { afterAll, describe, expect, test } from 'vitest'
import { createDecoder } from '../../src/accept/decode.ts'
import { connectKafka, ensureTopics, eventTopics, type KafkaConnection } from '../../src/accept/kafka/client.ts'
import { KafkaSource } from '../../src/accept/kafka.ts'
import { KafkaIngest } from '../../src/accept/kafka-ingest.ts'
import { createRedactor } from '../../src/accept/redact.ts'
import { createSignatureVerifier, createSigner, type SigningKey, type SigningMode } from '../../src/accept/signature.ts'
import type { Batch, Source } from '../../src/accept/source.ts'
import type { CloudEvent } from '../../src/model/index.ts'
import { acceptedEvent, cloudEvent, T0_MS } from '../../src/testing/events.ts'
import { type SourceUnderTest, sourceSuite } from '../../src/testing/source-suite.ts'
import { kafkaBroker } from '../services/kafka.ts'

const broker = await kafkaBroker()
const connection: KafkaConnection = { brokers: broker.available ? broker.service.brokers : [], clientId: 'test' }
const redactor = createRedactor({ key: 'k' })
const decode = createDecoder({ redactor, refs: () => [] })
const { CompressionTypes } = kafkajs
const producer = connectKafka(connection).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })

afterAll(() => producer.disconnect())

interface Topics {
  readonly events: string
  readonly deadLetters: string
}

async function newTopics(): Promise<Topics> {
  const id = randomUUID()
  const topics = { events: `events-${id}`, deadLetters: `events-${id}.dlq` }
  await ensureTopics(
    connection,
    eventTopics(topics).map((one) => ({ ...one, partitions: 4 })),
  )
  await producer.connect()
  return topics
}

function sourceOf(topics: Topics, mode: SigningMode = 'warn', keys: readonly SigningKey[] = []): KafkaSource {
  return new KafkaSource({
    connection,
    topics,
    group: topics.events,
    decode,
    redactor,
    verify: createSignatureVerifier(mode, keys),
    now: () => T0_MS,
    maxBatchEvents: 100,
  })
}

const send = (topics: Topics, messages: Message[], compression = CompressionTypes.None) =>
  producer.send({ topic: topics.events, messages, compression })
const value = (event: object) => JSON.stringify(event)

/** Reads and acknowledges until `count` items came. */
async function read(source: Source, count: number): Promise<Batch[]> {
  const stop = new AbortController()
  const batches: Batch[] = []
  let seen = 0
  for await (const batch of source.batches(stop.signal)) {
    batches.push(batch)
    await batch.acknowledge()
    seen += batch.events.length + batch.rejected.length
    if (seen >= count) stop.abort()
  }
  await source.close()
  return batches
}

async function deadLettersOf(topics: Topics, count: number): Promise<KafkaMessage[]> {
  const consumer = connectKafka(connection).consumer({ groupId: `${topics.deadLetters}-reader`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topics.deadLetters], fromBeginning: true })
  const messages: KafkaMessage[] = []
  await new Promise<void>((resolve, reject) => {
    const eachMessage = ({ message }: { message: KafkaMessage }) => {
      if (messages.push(message) === count) resolve()
      return Promise.resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return messages
}

const eventsOf = (batches: readonly Batch[]) => batches.flatMap((batch) => batch.events)
const rejectedOf = (batches: readonly Batch[]) => batches.flatMap((batch) => batch.rejected)

describe.skipIf(!broker.available)('Kafka', { timeout: 60_000 }, () => {
  describe('as a source', () => {
    const underTest = (topics: Topics): SourceUnderTest => ({
      source: sourceOf(topics),
      async send(items) {
        await send(
          topics,
          items.map((item) => ({ key: 'agent-1', value: Buffer.from(item) })),
        )
        return { taken: Promise.resolve() }
      },
      reopen: () => Promise.resolve(underTest(topics)),
    })
    sourceSuite(async () => underTest(await newTopics()), { maxBatchEvents: 100, redelivers: true })
  })

  test('origin, position and receive time are those of the record', async () => {
    const topics = await newTopics()
    const timestamp = String(T0_MS + 1234)
    await send(topics, [{ key: 'a', value: value(cloudEvent()), partition: 2, timestamp }])
    const [event] = eventsOf(await read(sourceOf(topics), 1))
    expect(event).toMatchObject({ origin: `kafka:${topics.events}/2`, position: 0, receivedMs: T0_MS + 1234 })
  })

  test('records of every codec, and in binary mode', async () => {
    const topics = await newTopics()
    const codecs = ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD'] as const
    for (const codec of codecs)
      await send(topics, [{ value: value(cloudEvent({}, { id: codec })) }], CompressionTypes[codec])
    const { data, ...attributes } = cloudEvent({}, { id: 'binary' })
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, text]) => [`ce_${name}`, text]))
    await send(topics, [{ value: value(data), headers }])
    const events = eventsOf(await read(sourceOf(topics), 6))
    expect(events.map((event) => event.id).sort()).toEqual([...codecs, 'binary'].sort())
    expect(events.find((event) => event.id === 'binary')?.cloud).toEqual({ ...attributes, data })
  })

  test('what cannot be taken goes to the dead-letter topic with its bytes and why', async () => {
    const topics = await newTopics()
    await send(topics, [
      { key: 'agent-1', value: '{"no', headers: { trace: 'x' }, partition: 1 },
      { key: 'agent-1', value: null, partition: 1 },
      { key: 'agent-1', value: 'x'.repeat(300_000), partition: 1 },
    ])
    const batches = await read(sourceOf(topics), 3)
    expect(rejectedOf(batches).map((one) => [one.reason, one.key])).toEqual([
      ['json', 'agent-1'],
      ['json', 'agent-1'],
      ['size', 'agent-1'],
    ])
    const [first, second, third] = await deadLettersOf(topics, 3)
    expect(first?.key?.toString()).toBe('agent-1')
    expect(first?.value?.toString()).toBe('{"no')
    const headers = Object.fromEntries(Object.entries(first?.headers ?? {}).map(([name, text]) => [name, String(text)]))
    expect(headers).toEqual({
      trace: 'x',
      'dlq-reason': 'json',
      'dlq-topic': topics.events,
      'dlq-partition': '1',
      'dlq-offset': '0',
      'dlq-error': expect.stringContaining('JSON'),
      'dlq-at': new Date(T0_MS).toISOString(),
      'dlq-attempts': '1',
    })
    expect(second?.value).toBeNull()
    expect(third?.value?.length).toBe(256 * 1024)
  })

  test('signatures: valid ones bind tenant and sources, wrong ones are refused', async () => {
    const topics = await newTopics()
    const keys = [{ kid: 'gw-1', key: 'secret', tenant: 'acme', sources: ['urn:pep:test'] }]
    const signed = (event: CloudEvent, key = 'secret'): Message => {
      const signature = createHmac('sha256', key).update(value(event)).digest('base64')
      return { value: value(event), partition: 0, headers: { 'x-pep-sig': `v1,${signature}`, 'x-pep-kid': 'gw-1' } }
    }
    await send(topics, [
      signed(cloudEvent()),
      signed(cloudEvent(), 'other'),
      signed(cloudEvent({}, { source: 'urn:foreign' })),
      { value: value(cloudEvent()), partition: 0 },
    ])
    const batches = await read(sourceOf(topics, 'require', keys), 4)
    expect(eventsOf(batches)).toMatchObject([{ tenant: 'acme', signature: 'valid', position: 0 }])
    expect(rejectedOf(batches).map((one) => [one.reason, one.position])).toEqual([
      ['signature', 1],
      ['signature', 2],
      ['signature', 3],
    ])
  })

  test('a full queue holds the fetching back, and nothing is lost', async () => {
    const topics = await newTopics()
    const events = Array.from({ length: 2_000 }, () => cloudEvent())
    await send(
      topics,
      events.map((event) => ({ value: value(event) })),
    )
    const source = sourceOf(topics)
    const stop = new AbortController()
    const open: Batch[] = []
    const seen = new Set<string>()
    for await (const batch of source.batches(stop.signal)) {
      for (const event of batch.events) seen.add(event.id)
      open.push(batch)
      if (open.length === 5) for (const one of open.splice(0)) await one.acknowledge()
      // A rebalance on a slow machine brings records again that were seen already.
      if (seen.size === events.length && source.lag === 0) stop.abort()
    }
    for (const one of open) await one.acknowledge()
    expect(seen.size).toBe(events.length)
    await source.close()
  })

  test('a second consumer takes over partitions: every event is acknowledged, none is skipped', async () => {
    const topics = await newTopics()
    const sent = new Set<string>()
    const acknowledged = new Set<string>()
    const stop = new AbortController()
    const origins = [new Set<string>(), new Set<string>()] as const
    const run = async (source: KafkaSource, seen: Set<string>) => {
      for await (const batch of source.batches(stop.signal)) {
        for (const origin of batch.assigned) seen.add(origin)
        await nextTurn()
        await batch.acknowledge()
        for (const { id } of batch.events) acknowledged.add(id)
      }
      await source.close()
    }
    const sendSome = async () => {
      const some = Array.from({ length: 100 }, (_, n) => cloudEvent({ agent: { id: `agent-${n % 10}` } }))
      await send(
        topics,
        some.map((event) => ({ key: event.data.agent.id, value: value(event) })),
      )
      for (const event of some) sent.add(event.id)
    }
    const first = run(sourceOf(topics), origins[0])
    while (origins[0].size === 0) await sendSome()
    const second = run(sourceOf(topics), origins[1])
    while (origins[1].size === 0) await sendSome()
    await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBe(sent.size)
    stop.abort()
    await Promise.all([first, second])
    expect(acknowledged).toEqual(sent)
    expect(origins[0].size).toBe(4)
    expect(origins[1].size).toBe(2)

    // Nothing that was acknowledged comes again to whoever reads on.
    const last = cloudEvent()
    await send(topics, [{ value: value(last) }])
    expect(eventsOf(await read(sourceOf(topics), 1)).map((event) => event.id)).toEqual([last.id])
  })

  test('the ingest writes redacted events, keyed by tenant and agent, and its dead letters', async () => {
    const topics = await newTopics()
    const ingest = new KafkaIngest({ connection, topics, startedMs: 1, now: () => T0_MS })
    const decoded = decode({ ...ingest.place(), body: cloudEvent({ args: { password: 'hunter2222' } }) })
    if (!decoded.ok) throw new Error(decoded.rejected.error)
    const other = acceptedEvent(cloudEvent(), { tenant: 'acme' })
    const bad = decode({ ...ingest.place(), body: Buffer.from('{') })
    await ingest.deliver([decoded.event, other], bad.ok ? [] : [bad.rejected])
    await ingest.close()
    const events = eventsOf(await read(sourceOf(topics), 2))
    const mine = events.find((event) => event.id === decoded.event.id)
    expect(mine?.cloud).toEqual(decoded.event.cloud)
    expect(events.find((event) => event.id === other.id)?.tenant).toBe('acme')
    const [letter] = await deadLettersOf(topics, 1)
    expect(letter?.headers?.['dlq-topic']?.toString()).toBe('http:1')
  })

  test('the ingest signs what readers want signed, for every tenant', async () => {
    const topics = await newTopics()
    const ours = { kid: 'ours', key: 'k' }
    const ingest = new KafkaIngest({ connection, topics, startedMs: 1, now: () => T0_MS, sign: createSigner(ours) })
    const event = acceptedEvent(cloudEvent(), { tenant: 'acme' })
    await ingest.deliver([event], [])
    await ingest.close()
    const events = eventsOf(await read(sourceOf(topics, 'require', [ours]), 1))
    expect(events).toMatchObject([{ id: event.id, tenant: 'acme', signature: 'valid' }])
  })
})
