import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventData, Ref } from '../model/index.ts'
import { cloudEvent, T0_MS } from '../testing/events.ts'
import { sha256Hex } from './canonical.ts'
import { createDecoder, type Decoded, MAX_EVENT_BYTES, type RawEvent } from './decode.ts'
import { createRedactor } from './redact.ts'

const refs: readonly Ref[] = [{ in: 'args', kind: 'email', fp: '0011223344556677' }]
const refsOf = (data: EventData) => (data.args === undefined ? (data.refs ?? []) : refs)
const decoder = createDecoder({ redactor: createRedactor({ key: 'k' }), refs: refsOf })
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

function decode(value: unknown, more: Partial<RawEvent> = {}): Decoded {
  return decoder({ body: bytes(value), origin: 'test', position: 7, receivedMs: T0_MS, ...more })
}

function accepted(value: unknown, more: Partial<RawEvent> = {}) {
  const decoded = decode(value, more)
  if (!decoded.ok) throw new Error(decoded.rejected.error)
  return decoded.event
}

function rejected(value: unknown, more: Partial<RawEvent> = {}) {
  const decoded = decode(value, more)
  if (decoded.ok) throw new Error('accepted')
  return decoded.rejected
}

test('an event is accepted with its place, tenant, time and refs', () => {
  const cloud = cloudEvent({ args: { to: 'bob@example.test' } })
  const event = accepted(cloud)
  expect(event).toMatchObject({
    origin: 'test',
    position: 7,
    id: cloud.id,
    source: cloud.source,
    tenant: 'default',
    timeMs: T0_MS,
    receivedMs: T0_MS,
    clock: 'on-time',
    signature: 'unchecked',
  })
  expect(event.data).toEqual({ ...cloud.data, refs })
  expect(event.cloud.data).toBe(event.data)
})

test('refs are made of the content as it came, and added to those that came with it', () => {
  const seen: unknown[] = []
  const spy = createDecoder({
    redactor: createRedactor({ key: 'k' }),
    refs: (data) => {
      seen.push(data.args)
      return refs
    },
  })
  const sent: Ref = { in: 'result', kind: 'url', fp: 'ffeeddccbbaa9988' }
  const args = { note: 'token=DE89370400440532013000' }
  const decoded = spy({ body: cloudEvent({ args, refs: [sent] }), origin: 'o', position: 0 })
  expect(seen).toEqual([args])
  expect(decoded).toMatchObject({ event: { data: { refs: [sent, ...refs] } } })
})

test('unknown members are kept wherever they stand, heartbeats are taken', () => {
  const cloud = {
    ...cloudEvent({ op: 'heartbeat', agent: { id: 'a', mood: 'good' } as object }),
    extension1: 'x',
  }
  expect(accepted(cloud).cloud).toEqual(cloud)
})

test.each([
  [{ specversion: '0.3' }, 'schema', '/specversion'],
  [{ id: '' }, 'schema', '/id'],
  [{ time: 'yesterday' }, 'time', '/time'],
  [{ time: undefined }, 'schema', '/time'],
  [{ data: { op: 'tools/list', phase: 'request' } }, 'schema', '/data/call_id'],
  [{ data: { ...cloudEvent().data, tool: undefined } }, 'schema', '/data/tool'],
  [{ data: { ...cloudEvent().data, phase: 'response' } }, 'schema', '/data/result'],
  [{ data: { ...cloudEvent().data, op: 'auth' } }, 'schema', '/data/auth'],
  [{ data: { ...cloudEvent().data, agent: { id: 7 } } }, 'schema', '/data/agent/id'],
  [{ data: { ...cloudEvent().data, egress: [{ port: 1 }] } }, 'schema', '/data/egress/0/host'],
] as const)('%j names %s at %s', (change, reason, pointer) => {
  expect(rejected({ ...cloudEvent(), ...change })).toMatchObject({ reason, pointer, position: 7 })
})

test.each(['', '{', 'null', '[]', '7', '"x"', '{"a":1}}', '\u{feff}{}'])('%j is rejected', (text) => {
  expect(['json', 'schema']).toContain(rejected(text).reason)
})

test('bytes that are no UTF-8 and events that are too large or too deep are rejected', () => {
  expect(rejected('', { body: Uint8Array.of(0x22, 0xff, 0x22) }).reason).toBe('json')
  const large = rejected(cloudEvent({ args: { text: 'x'.repeat(MAX_EVENT_BYTES) } }))
  expect(large.reason).toBe('size')
  expect(large.bytes.byteLength).toBe(MAX_EVENT_BYTES)
  const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  expect(rejected(JSON.stringify(cloudEvent()).replace('"tool"', `"ext":${deep},"tool"`)).reason).toBe('size')
})

test('the clock rule uses the receive time; without one the event time counts', () => {
  const late = cloudEvent({}, { time: new Date(T0_MS - 86_400_001).toISOString() })
  expect(accepted(late)).toMatchObject({ clock: 'late', timeMs: T0_MS })
  const ahead = cloudEvent({}, { time: new Date(T0_MS + 300_001).toISOString() })
  expect(accepted(ahead)).toMatchObject({ clock: 'ahead', timeMs: T0_MS })
  const body = bytes(ahead)
  expect(decoder({ body, origin: 'file', position: 1 })).toMatchObject({
    event: { clock: 'on-time', timeMs: T0_MS + 300_001, receivedMs: T0_MS + 300_001 },
  })
})

describe('what a credential may speak for', () => {
  test('its tenant goes before the one that the event names', () => {
    expect(accepted(cloudEvent(), { binding: { tenant: 'acme' } }).tenant).toBe('acme')
    expect(accepted(cloudEvent({ tenant: 'acme' })).tenant).toBe('acme')
    expect(accepted(cloudEvent({ tenant: 'acme' }), { binding: { tenant: 'acme' } }).tenant).toBe('acme')
    expect(rejected(cloudEvent({ tenant: 'other' }), { binding: { tenant: 'acme' } })).toMatchObject({
      reason: 'signature',
      pointer: '/data/tenant',
      tenant: 'acme',
    })
  })

  test('only sources with a permitted prefix', () => {
    const binding = { sources: ['urn:pep:gw-', 'urn:pep:test'] }
    expect(accepted(cloudEvent(), { binding }).source).toBe('urn:pep:test')
    expect(rejected(cloudEvent({}, { source: 'urn:other' }), { binding })).toMatchObject({ pointer: '/source' })
  })
})

test('binary mode: attributes from headers, the value is the data', () => {
  const { data, ...attributes } = cloudEvent()
  expect(accepted(data, { attributes }).cloud).toEqual({ ...attributes, data })
})

test('arguments over 32 KiB are cut, their digest and size stay', () => {
  const args = { z: 'x'.repeat(40_000), a: 1 }
  const canonical = JSON.stringify({ a: 1, z: args.z })
  const { data } = accepted(cloudEvent({ args }))
  expect(data.args).toBeUndefined()
  expect(data.args_bytes).toBe(canonical.length)
  expect(data.args_sha256).toBe(sha256Hex(canonical))
  expect(accepted(cloudEvent({ args, args_bytes: 5, args_sha256: 'abcdabcd' })).data).toMatchObject({
    args_bytes: 5,
    args_sha256: 'abcdabcd',
  })
})

test('secrets are gone from what is accepted and from what is rejected', () => {
  expect(JSON.stringify(accepted(cloudEvent({ args: { password: 'hunter2222' } })))).not.toContain('hunter2222')
  const broken = JSON.stringify(cloudEvent({ args: { password: 'hunter2222' } })).slice(0, -1)
  expect(Buffer.from(rejected(broken).bytes).toString()).not.toContain('hunter2222')
})

test('decoding what was decoded changes nothing', () => {
  const cloud = cloudEvent({
    phase: 'response',
    args: { password: 'hunter2222', text: 'token=abcdef' },
    result: { sample: 'api_key=123456' },
  })
  const once = accepted(cloud).cloud
  expect(accepted(once).cloud).toEqual(once)
})

test('a parsed value is not changed', () => {
  const cloud = cloudEvent({ args: { password: 'hunter2222' } })
  const before = structuredClone(cloud)
  expect(decode('', { body: cloud }).ok).toBe(true)
  expect(cloud).toEqual(before)
})

describe('whatever comes is accepted or rejected with a reason, never thrown', () => {
  const isJudged = (decoded: Decoded) => decoded.ok || decoded.rejected.error.length > 0

  test('bytes and JSON', () => {
    const body = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.json({ maxDepth: 6 }).map(bytes))
    fc.assert(
      fc.property(body, (one) => {
        expect(isJudged(decode('', { body: one }))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('events with any member replaced', () => {
    const full = cloudEvent({ phase: 'response', args: { a: 1 }, result: { sample: 'x' } })
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(full.data)), fc.jsonValue(), (key, value) => {
        expect(isJudged(decode({ ...full, data: { ...full.data, [key]: value } }))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('an event cut anywhere or with a byte changed', () => {
    const whole = bytes(cloudEvent({ args: { text: 'päß', n: [1, 2, { x: null }] } }))
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (end, at, byte) => {
        const body = Buffer.from(whole)
        body[at] = byte
        expect(isJudged(decode('', { body: body.subarray(0, end) }))).toBe(true)
        expect(isJudged(decode('', { body }))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
