import { setImmediate as nextTurn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { cloudEvent, T0_MS, toolEvent } from '../testing/events.ts'
import { sourceSuite } from '../testing/source-suite.ts'
import { createDecoder } from './decode.ts'
import type { IngestPrincipal } from './delivery.ts'
import { eventRoutes } from './http/routes.ts'
import { splitArray, splitLines } from './http/split.ts'
import { HttpSource } from './http.ts'
import { createRedactor } from './redact.ts'
import type { Batch } from './source.ts'

const decode = createDecoder({ redactor: createRedactor({ key: 'k' }), refs: () => [] })
const JSON_TYPE = 'application/cloudevents+json'
const BATCH_TYPE = 'application/cloudevents-batch+json'

async function serve(principal: IngestPrincipal | undefined = { name: 'gw-1' }, maxWaitingEvents = 1000) {
  const source = new HttpSource({ startedMs: 1, maxBatchEvents: 100, maxWaitingEvents })
  const server = Fastify()
  const principalOf = () => principal
  await server.register(
    eventRoutes({ decode, delivery: source, principalOf, now: () => T0_MS, maxBodyBytes: 1024 * 1024 }),
  )
  const post = (payload: unknown, type = JSON_TYPE, headers: Record<string, string> = {}) =>
    server.inject({
      method: 'POST',
      url: '/v1/events',
      headers: { 'content-type': type, ...headers },
      payload: Buffer.isBuffer(payload) || typeof payload === 'string' ? payload : JSON.stringify(payload),
    })
  return { source, server, post }
}

/** Acknowledges everything until the test ends. */
function drain(source: HttpSource): Batch[] {
  const batches: Batch[] = []
  void (async () => {
    for await (const batch of source.batches(new AbortController().signal)) {
      batches.push(batch)
      await batch.acknowledge()
    }
  })()
  return batches
}

describe('as a source', () => {
  sourceSuite(
    async () => {
      const { source, post } = await serve()
      return {
        source,
        async send(items) {
          const list = items.flatMap((item, index) => (index === 0 ? [item] : [Buffer.from('\n'), item]))
          const answer = post(Buffer.concat(list), 'application/x-ndjson').then((response) => {
            if (response.statusCode !== 202) throw new Error(response.body)
          })
          // A test that expects the refusal looks at it later.
          answer.catch(() => undefined)
          await nextTurn()
          return { taken: answer }
        },
      }
    },
    { maxBatchEvents: 100, redelivers: false },
  )
})

test('202 comes after the batch is acknowledged', async () => {
  const { source, post } = await serve()
  const iterator = source.batches(new AbortController().signal)[Symbol.asyncIterator]()
  let status: number | undefined
  const answered = post(cloudEvent()).then((response) => {
    status = response.statusCode
  })
  const { value } = await iterator.next()
  await nextTurn()
  expect(status).toBeUndefined()
  await (value as Batch).acknowledge()
  await answered
  expect(status).toBe(202)
})

test.each([
  ['one', JSON_TYPE, (list: object[]) => JSON.stringify(list[0]), 1],
  [
    'one as application/json with a charset',
    'application/json; charset=utf-8',
    (list: object[]) => JSON.stringify(list[0]),
    1,
  ],
  ['a batch', BATCH_TYPE, (list: object[]) => JSON.stringify(list, null, 2), 3],
  ['a batch as application/json', 'application/json', (list: object[]) => ` ${JSON.stringify(list)}\n`, 3],
  ['lines', 'application/x-ndjson', (list: object[]) => list.map((one) => `${JSON.stringify(one)}\r\n`).join('\n'), 3],
  ['an empty batch', BATCH_TYPE, () => '[ ]', 0],
] as const)('%s', async (_name, type, body, count) => {
  const { source, post } = await serve()
  const batches = drain(source)
  const events = [cloudEvent(), cloudEvent(), cloudEvent()]
  const response = await post(body(events), type)
  expect([response.statusCode, response.json()]).toEqual([202, { accepted: count, rejected: [] }])
  const ids = batches.flatMap((batch) => batch.events.map((event) => event.id))
  expect(ids).toEqual(events.slice(0, count).map((event) => event.id))
})

test('gzip is inflated up to the limit, other encodings are refused', async () => {
  const { source, post } = await serve()
  drain(source)
  const gzip = { 'content-encoding': 'gzip' }
  expect((await post(gzipSync(JSON.stringify(cloudEvent())), JSON_TYPE, gzip)).statusCode).toBe(202)
  expect((await post(gzipSync(Buffer.alloc(2 * 1024 * 1024)), JSON_TYPE, gzip)).statusCode).toBe(413)
  expect((await post('no gzip', JSON_TYPE, gzip)).statusCode).toBe(400)
  expect((await post('x', JSON_TYPE, { 'content-encoding': 'br' })).statusCode).toBe(415)
})

test('good items are taken, bad ones are named and become dead letters', async () => {
  const { source, post } = await serve()
  const batches = drain(source)
  const good = cloudEvent()
  const bad = cloudEvent({ agent: { id: '' } })
  const response = await post(`[${JSON.stringify(good)}, {"x":}, ${JSON.stringify(bad)}]`, BATCH_TYPE)
  expect(response.statusCode).toBe(202)
  expect(response.json()).toMatchObject({
    accepted: 1,
    rejected: [
      { index: 1, reason: 'json' },
      { index: 2, id: bad.id, reason: 'schema', pointer: '/data/agent/id', detail: '/data/agent/id must not be empty' },
    ],
  })
  expect(batches.flatMap((batch) => batch.rejected.map((one) => one.reason))).toEqual(['json', 'schema'])
})

test.each([
  [cloudEvent({}, { time: 'now' }), 400, '/time'],
  [cloudEvent({}, { source: 'urn:other' }), 403, '/source'],
  [cloudEvent({ args: { text: 'x'.repeat(300_000) } }), 413, undefined],
] as const)('nothing good: a problem document (%#)', async (event, status, pointer) => {
  const { source, post } = await serve({ name: 'gw-1', sources: ['urn:pep:test'] })
  drain(source)
  const response = await post(event)
  expect(response.statusCode).toBe(status)
  expect(response.headers['content-type']).toBe('application/problem+json')
  const problem = response.json<Record<string, unknown>>()
  expect(problem).toMatchObject({ status, errors: [{ index: 0 }] })
  expect(problem.pointer).toBe(pointer)
})

test.each([
  ['{}', 'text/plain', 415],
  ['[{}', BATCH_TYPE, 400],
  ['{}', BATCH_TYPE, 400],
  ['[{}] x', BATCH_TYPE, 400],
  ['', JSON_TYPE, 400],
  ['x'.repeat(1024 * 1024 + 1), JSON_TYPE, 413],
] as const)('a body that cannot be read (%#)', async (body, type, status) => {
  const { source, post } = await serve()
  drain(source)
  const response = await post(body, type)
  expect(response.statusCode).toBe(status)
  expect(response.headers['content-type']).toBe('application/problem+json')
})

test('nobody is 401, more than may wait is 429, stopping is 503', async () => {
  const { server } = await serve()
  const unknown = Fastify()
  const delivery = new HttpSource({ startedMs: 1 })
  await unknown.register(eventRoutes({ decode, delivery, principalOf: () => undefined, now: () => T0_MS }))
  const refused = await unknown.inject({
    method: 'POST',
    url: '/v1/events',
    headers: { 'content-type': JSON_TYPE },
    payload: '{}',
  })
  expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([401, 'Bearer realm="belay"'])
  await server.close()

  const { source, post } = await serve({ name: 'gw-1' }, 1)
  const waiting = post(cloudEvent())
  await nextTurn()
  await expect.poll(() => source.hasRoom()).toBe(false)
  const busy = await post(cloudEvent())
  expect([busy.statusCode, busy.headers['retry-after']]).toEqual([429, '1'])
  await source.close()
  expect((await waiting).statusCode).toBe(503)
})

test('requests that are not answered yet are bounded in bytes', async () => {
  const source = new HttpSource({ startedMs: 1, maxOpenBytes: 100 })
  const delivered = source.deliver([toolEvent()], [], 100)
  expect(source.hasRoom()).toBe(false)
  drain(source)
  await delivered
  expect(source.hasRoom()).toBe(true)
})

test('arrays and lines are cut as a parser would read them', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1), (items, indent) => {
      const bytes = Buffer.from(JSON.stringify(items, null, indent))
      const parts = splitArray(bytes)?.map((part) => JSON.parse(Buffer.from(part).toString()) as unknown)
      expect(parts).toEqual(JSON.parse(JSON.stringify(items)))
      for (let end = 0; end < bytes.length; end++) expect(splitArray(bytes.subarray(0, end))).toBeUndefined()
      const lines = items.map((item) => JSON.stringify(item)).join('\n')
      expect(
        splitLines(Buffer.from(lines))
          .map((line) => Buffer.from(line).toString())
          .join('\n'),
      ).toBe(lines)
    }),
  )
})

test('whatever bytes come as whatever type, the answer is an HTTP status below 500', async () => {
  const { source, post } = await serve()
  drain(source)
  const type = fc.constantFrom(JSON_TYPE, BATCH_TYPE, 'application/x-ndjson', 'application/json')
  const body = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
  )
  await fc.assert(
    fc.asyncProperty(body, type, async (payload, mediaType) => {
      expect((await post(Buffer.from(payload), mediaType)).statusCode).toBeLessThan(500)
    }),
    { numRuns: 300 },
  )
})
