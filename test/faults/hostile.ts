import fc from 'fast-check'
import { type Random, seeded } from '../../scripts/fixtures/world.ts'
import { toolEvent } from '../run/tool-event.ts'

/** One thing that a stranger sends as an event. */
export interface Hostile {
  readonly kind: string
  readonly bytes: Buffer
  /** reasons of which one must be given; empty: it is a valid event, however odd, and must be stored */
  readonly refusedAs: readonly string[]
  /** id of an event that must be stored */
  readonly id: string
  /** of its Kafka record */
  readonly headers?: Readonly<Record<string, string>>
}

type Wire = ReturnType<typeof toolEvent>
type Make = (random: Random, id: string) => Omit<Hostile, 'kind' | 'id'>

const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const good = (value: unknown): Omit<Hostile, 'kind' | 'id'> => ({ bytes: text(value), refusedAs: [] })
const bad = (bytes: Buffer, ...refusedAs: string[]): Omit<Hostile, 'kind' | 'id'> => ({ bytes, refusedAs })
const withData = (id: string, data: object): Wire => ({ ...toolEvent(id), data: { ...toolEvent(id).data, ...data } })
const result = (more: object) => ({ result: { status: 'ok', ...more } })

/** Texts that break what quotes, splits, matches or formats carelessly. */
const TEXTS = [
  "'; DROP TABLE event_rows; --",
  '\\',
  "\\'\\N\\0",
  'a\u0000b',
  '\u001f\u001e',
  'tab\tline\nreturn\r',
  '{p:String}',
  '\u202ereversed',
  '\ud800 alone',
  '💥'.repeat(20),
  '<script>alert(1)</script>',
  '{{7*7}} {jndi:ldap://x}',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  '%s%n%x',
  '[]',
  'null',
] as const

const WRONG = [null, 0, -1, true, '', [], {}, [[]], 1e308, 'x'.repeat(5_000)] as const
const REQUIRED = ['specversion', 'source', 'type', 'time', 'data'] as const
const REQUIRED_DATA = ['op', 'phase', 'call_id', 'agent', 'session', 'server', 'tool', 'result'] as const
const TIMES = ['yesterday', '2026-13-01T00:00:00Z', '2026-11-21', '2026-11-21T25:00:00Z', '１２:00'] as const
const NUMBERS = ['1e999', '-1', '"7"', '-1e308', '[1]'] as const
const GREAT = [Number.MAX_VALUE, 2 ** 53, 2 ** 64, 1e21, 5e-324, 0.1] as const

const MAKERS: Readonly<Record<string, Make>> = {
  plain: (_random, id) => good(toolEvent(id)),
  'odd names': (random, id) => {
    const [agent, session] = [random.pick(TEXTS), random.pick(TEXTS)]
    return good(withData(id, { agent: { id: agent, role: 'odd' }, session: { id: session }, seq: random.int(1, 9) }))
  },
  'odd texts': (random, id) => {
    const odd = () => random.pick(TEXTS)
    const labels = Array.from({ length: random.int(0, 40) }, odd)
    return good(withData(id, { tool: { name: odd() }, args: { [odd()]: odd() }, ...result({ sample: odd(), labels }) }))
  },
  prototype: (random, id) => {
    const member = random.pick(['__proto__', 'constructor', 'prototype', 'toString', 'then'])
    const poison = `"${member}":{"polluted":true,"id":"x"}`
    const plain = JSON.stringify(withData(id, { args: { n: 1 } }))
    const where = random.pick(['{', '"data":{', '"args":{', '"agent":{', '"tool":{', '"result":{'])
    return { bytes: Buffer.from(plain.replace(where, `${where}${poison},`)), refusedAs: [] }
  },
  'great numbers': (random, id) =>
    good(
      withData(id, result({ bytes: random.pick(GREAT), records: random.pick(GREAT), duration_ms: random.pick(GREAT) })),
    ),
  'numbers that are none': (random, id) =>
    bad(
      Buffer.from(JSON.stringify(withData(id, result({ bytes: 777 }))).replace(':777', `:${random.pick(NUMBERS)}`)),
      'schema',
    ),
  'any JSON': (random) => {
    const [value] = fc.sample(fc.jsonValue({ maxDepth: 6 }), { seed: random.int(0, 2 ** 30), numRuns: 1 })
    return bad(text(value), 'schema')
  },
  'any arguments': (random, id) => {
    const [args] = fc.sample(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 20 })), {
      seed: random.int(0, 2 ** 30),
      numRuns: 1,
    })
    return good(withData(id, { args }))
  },
  'any bytes': (random) =>
    bad(Buffer.from(Array.from({ length: random.int(1, 300) }, () => random.int(128, 255))), 'json'),
  'no UTF-8': (random, id) => {
    const bytes = text(withData(id, { args: { text: 'a'.repeat(20) } }))
    bytes[bytes.indexOf('aaaa') + random.int(0, 10)] = random.pick([0xff, 0xc0, 0x80, 0xfe])
    return bad(bytes, 'json')
  },
  truncated: (random, id) => {
    const bytes = text(toolEvent(id))
    return bad(bytes.subarray(0, random.int(1, bytes.length - 1)), 'json')
  },
  'two in one': (_random, id) => bad(Buffer.concat([text(toolEvent(id)), text(toolEvent(id))]), 'json'),
  'raw NUL': (_random, id) => bad(Buffer.from(`${JSON.stringify(toolEvent(id))}\u0000`), 'json'),
  'member missing': (random, id) => {
    const inData = random.next() < 0.6
    const event = toolEvent(id)
    const left = (value: object, name: string) =>
      Object.fromEntries(Object.entries(value).filter(([key]) => key !== name))
    if (!inData) return bad(text(left(event, random.pick(REQUIRED))), 'schema')
    return bad(text({ ...event, data: left(event.data, random.pick(REQUIRED_DATA)) }), 'schema')
  },
  'wrong type': (random, id) => {
    const wrong = random.pick(WRONG)
    if (random.next() < 0.5)
      return bad(text({ ...toolEvent(id), [random.pick(['specversion', 'type'])]: wrong }), 'schema')
    return bad(text(withData(id, { [random.pick(['agent', 'session', 'server', 'tool', 'phase'])]: wrong })), 'schema')
  },
  'no time': (random, id) => bad(text({ ...toolEvent(id), time: random.pick(TIMES) }), 'time'),
  'too deep': (random, id) => {
    const depth = random.pick([65, 200, 5_000, 60_000])
    const nest = random.next() < 0.5 ? ['[', ']'] : ['{"a":', '}']
    const [open = '', close = ''] = nest
    const core = nest[0] === '[' ? '' : '1'
    const deep = JSON.stringify(withData(id, { args: { deep: 777 } })).replace(
      '777',
      open.repeat(depth) + core + close.repeat(depth),
    )
    return bad(Buffer.from(deep), 'size', 'json')
  },
}

/** Rare because each is large. */
const HEAVY: Readonly<Record<string, Make>> = {
  oversize: (random, id) =>
    bad(text(withData(id, { args: { x: 'y'.repeat(256 * 1024 + random.int(0, 200_000)) } })), 'size'),
  'many members': (random, id) =>
    good(
      withData(id, { args: Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`m${n}`, random.int(0, 9)])) }),
    ),
  'long sample': (_random, id) => bad(text(withData(id, result({ sample: 's'.repeat(20_000) }))), 'schema'),
}

const HEAVY_SHARE = 0.01

/** The same seed gives the same events; ids begin with `name`. None holds a line feed outside of its texts. */
export function hostileEvents(name: string, count: number, seed: number): readonly Hostile[] {
  const random = seeded(seed)
  return Array.from({ length: count }, (_, number) => {
    const makers = Object.entries(random.next() < HEAVY_SHARE ? HEAVY : MAKERS)
    const [kind, make] = makers[number % makers.length] ?? ['plain', MAKERS.plain as Make]
    const id = `${name}-${number}`
    return { kind, id, ...make(random, id) }
  })
}

/** What only Kafka carries: the binary mode of CloudEvents, and headers of any kind. */
export function hostileRecords(name: string): readonly Hostile[] {
  const { data, ...attributes } = toolEvent('binary')
  const headers = (id: string) =>
    Object.fromEntries(Object.entries({ ...attributes, id }).map(([key, value]) => [`ce_${key}`, value]))
  const record = (kind: string, more: object, refusedAs: readonly string[], bytes = text(data)): Hostile => {
    const id = `${name}-${kind}`
    return { kind, id, bytes, refusedAs, headers: { ...headers(id), ...more } }
  }
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x-${n}`, 'y'.repeat(200)]))
  return [
    record('binary', {}, []),
    record('binary with a prototype', { ce___proto__: 'x', ce_constructor: 'y', ce_data: '{}' }, []),
    record('binary with many headers', many, []),
    record('binary of another type', { ce_type: '\u0000' }, ['schema']),
    record('binary without time', { ce_time: '' }, ['time']),
    record('binary of no JSON', {}, ['json'], Buffer.from([0xff, 0x00])),
    record('binary of null', {}, ['schema'], Buffer.from('null')),
  ]
}
