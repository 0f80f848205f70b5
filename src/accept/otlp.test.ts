import fc from 'fast-check'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { cloudEvent } from '../testing/events.ts'
import { createDecoder } from './decode.ts'
import { HttpSource } from './http.ts'
import { eventsOfLogs } from './otlp/logs.ts'
import { eventsOfTraces } from './otlp/spans.ts'
import { otlpRoutes } from './otlp.ts'
import { createRedactor } from './redact.ts'
import type { Batch } from './source.ts'

const decode = createDecoder({ redactor: createRedactor({ key: 'k' }), refs: () => [] })
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })

/** A SERVER span of a `tools/call`; attributes are added to the method. */
function span(kind: unknown, attributes: readonly object[], more: object = {}) {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    kind,
    startTimeUnixNano: '1795220745436423894',
    endTimeUnixNano: '1795220745591258376',
    attributes,
    ...more,
  }
}

function exported(...spans: readonly object[]) {
  const resource = { attributes: [text('service.name', 'tool-gateway')] }
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'x' }, spans }] }] }
}

const CALL = [text('mcp.method.name', 'tools/call'), text('gen_ai.tool.name', 'echo'), text('mcp.session.id', 's-1')]

test('a SERVER span becomes an event that the decoder accepts', () => {
  const attributes = [
    ...CALL,
    text('gen_ai.agent.id', 'bot'),
    text('gen_ai.tool.call.arguments', '{"message":"hi"}'),
    text('gen_ai.tool.call.result', 'hi'),
    text('mcp.protocol.version', '2025-11-25'),
    text('client.address', '10.0.0.7'),
  ]
  const [body] = eventsOfTraces(exported(span('SPAN_KIND_SERVER', attributes)))
  const decoded = decode({ body: body ?? {}, origin: 'o', position: 0 })
  expect(decoded).toMatchObject({ ok: true })
  expect(body).toMatchObject({
    id: '0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331',
    source: 'urn:otlp:tool-gateway',
    time: '2026-11-21T00:25:45.591Z',
    data: {
      op: 'tools/call',
      phase: 'response',
      call_id: 'b7ad6b7169203331',
      agent: { id: 'bot' },
      session: { id: 's-1', kind: 'mcp', client_ip: '10.0.0.7' },
      server: { id: 'tool-gateway' },
      tool: { name: 'echo' },
      args: { message: 'hi' },
      result: { status: 'ok', sample: 'hi', bytes: 2 },
      env: { protocol: '2025-11-25' },
    },
  })
})

test('only SERVER spans of a proxied call count; kinds are names or numbers, ids hex or base64', () => {
  const base64 = { traceId: 'Y9lTMSDoVnnZIC7KUlwJtQ==', spanId: 'gMUjaww4UTg=' }
  const spans = [
    span('SPAN_KIND_CLIENT', CALL),
    span(3, CALL),
    span(2, CALL, base64),
    span('SPAN_KIND_SERVER', [text('http.route', '/mcp')]),
  ]
  expect(eventsOfTraces(exported(...spans)).map((event) => event.id)).toEqual([
    '63d9533120e85679d9202eca525c09b5:80c5236b0c385138',
  ])
})

test('INTERNAL execute_tool spans count where no MCP span shares their trace', () => {
  const tool = [text('gen_ai.operation.name', 'execute_tool'), text('gen_ai.tool.name', 'search')]
  const conversation = text('gen_ai.conversation.id', 'c-1')
  const other = { traceId: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }
  const spans = [span(1, tool), span(3, CALL), span('SPAN_KIND_INTERNAL', [...tool, conversation], other)]
  expect(eventsOfTraces(exported(...spans))).toMatchObject([
    { data: { op: 'tools/call', tool: { name: 'search' }, session: { id: 'c-1', kind: 'conversation' } } },
  ])
})

test.each([
  [{ attributes: [...CALL, text('error.type', 'tool_error')] }, { status: 'error', error_code: 'tool_error' }],
  [{ status: { code: 'STATUS_CODE_ERROR' } }, { status: 'error' }],
  [{ status: { code: 2 } }, { status: 'error' }],
  [{ status: {} }, { status: 'ok' }],
])('how a call ended (%#)', (more, result) => {
  expect(eventsOfTraces(exported(span(2, CALL, more)))).toMatchObject([{ data: { result } }])
})

function logged(...logRecords: readonly object[]) {
  const resource = { attributes: [text('service.name', 'tool-gateway')] }
  return { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }
}
const RECORD = { ...span(undefined, CALL), timeUnixNano: '1795220745591258376' }

test('a log record of a call is the same event as its span', () => {
  const [ofSpan] = eventsOfTraces(exported(span(2, CALL)))
  const [ofRecord] = eventsOfLogs(logged(RECORD))
  expect(ofRecord).toMatchObject({ id: ofSpan?.id, source: ofSpan?.source, time: ofSpan?.time })
  expect(decode({ body: ofRecord ?? {}, origin: 'o', position: 0 })).toMatchObject({ ok: true })
  const unset = { ...RECORD, timeUnixNano: '0', observedTimeUnixNano: '1795220745591258376' }
  expect(eventsOfLogs(logged(unset))).toMatchObject([{ time: ofSpan?.time }])
})

test('a log record whose body is an event is that event; others are ignored', () => {
  const event = cloudEvent({}, { id: 'e1' })
  const body = (stringValue: string) => ({ body: { stringValue } })
  const records = [body(JSON.stringify(event)), body('listening on 8080'), body('{"type":"agent.tool.event.v1"'), {}]
  expect(eventsOfLogs(logged(...records))).toEqual([event])
})

test('the route answers as an OTLP receiver', async () => {
  const source = new HttpSource({ startedMs: 1 })
  const server = Fastify()
  await server.register(
    otlpRoutes({ decode, delivery: source, principalOf: () => ({ name: 'x' }), now: () => Date.UTC(2026, 10, 21) }),
  )
  const batches: Batch[] = []
  void (async () => {
    for await (const batch of source.batches(new AbortController().signal)) {
      batches.push(batch)
      await batch.acknowledge()
    }
  })()
  const post = (payload: object | string, url = '/v1/traces') =>
    server.inject({ method: 'POST', url, headers: { 'content-type': 'application/json' }, payload })
  const good = await post(exported(span(2, CALL)))
  expect([good.statusCode, good.json()]).toEqual([200, {}])
  const partial = await post(exported(span(2, CALL), span(2, CALL.slice(0, 1))))
  expect(partial.json()).toMatchObject({
    partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('/data/tool') },
  })
  expect((await post(exported())).statusCode).toBe(200)
  const logs = await post(logged(RECORD, { ...RECORD, spanId: 'none' }), '/v1/logs')
  expect(logs.json()).toMatchObject({
    partialSuccess: { rejectedLogRecords: '1', errorMessage: expect.stringContaining('/id') },
  })
  expect((await post('{')).statusCode).toBe(400)
  expect(batches.flatMap((batch) => batch.events)).toHaveLength(3)
})

test('whatever JSON comes is read without throwing, and each event is accepted or rejected', () => {
  const value = fc.jsonValue({ maxDepth: 3 })
  const odd = fc.record({
    traceId: value,
    spanId: value,
    kind: fc.constantFrom(2, 'SPAN_KIND_SERVER'),
    endTimeUnixNano: value,
    status: value,
    attributes: fc.array(fc.oneof(fc.constantFrom(...CALL), value)),
  })
  fc.assert(
    fc.property(
      fc.oneof(
        value,
        fc.array(odd).map((spans) => exported(...spans)),
        fc.array(odd).map((records) => logged(...records)),
      ),
      (body) => {
        for (const event of [...eventsOfTraces(body), ...eventsOfLogs(body)]) {
          const decoded = decode({ body: event, origin: 'o', position: 0 })
          expect(decoded.ok || decoded.rejected.error).toBeTruthy()
        }
      },
    ),
    { numRuns: 500 },
  )
})
