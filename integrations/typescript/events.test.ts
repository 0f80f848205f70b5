import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { problemOf } from '../../src/accept/validate.ts'
import type { CloudEvent } from '../../src/model/event.ts'
import { digestOf } from './digest.ts'
import { type Call, type Content, Events } from './events.ts'
import { Redactor } from './redact.ts'
import { refsOf } from './refs.ts'

const KEY = 'k'
const REFS: Content = { kind: 'refs', refs: (parts) => refsOf(KEY, parts) }
const CALL: Call = {
  op: 'tools/call',
  agent: { id: 'bot' },
  session: { id: 's1' },
  server: { id: 'bank' },
  tool: { name: 'pay' },
  args: { to: 'ada@example.com', api_key: 'hunter2' },
}

function events(content: Content = { kind: 'full' }) {
  let id = 0
  return new Events({
    source: 'urn:pep:t',
    redactor: new Redactor(KEY),
    content,
    newId: () => `e-${id++}`,
    now: () => 0,
  })
}
const read = (text: string): CloudEvent => JSON.parse(text) as CloudEvent

describe('events', () => {
  it('carry digests of the arguments as they were, and marks in the place of secrets', () => {
    const { data } = read(events().request(CALL, 'c1', { origin: 'cache', enforced: false }))
    expect(data).toMatchObject({
      phase: 'request',
      call_id: 'c1',
      seq: 0,
      args: {
        to: 'ada@example.com',
        api_key: { $redacted: 'secret', sha256: expect.stringMatching(/^[0-9a-f]{16}$/), len: 7 },
      },
      args_redacted: ['/api_key'],
      args_sha256: digestOf(CALL.args),
      args_bytes: 44,
      decision: { origin: 'cache', enforced: false },
    })
  })

  it('as refs: fingerprints of destinations, and no word of the content', () => {
    const text = events(REFS).response(
      { ...CALL, intent: 'Pay Ada' },
      'c1',
      {},
      { status: 'ok', sample: 'see https://evil.example/x' },
    )
    expect(text).not.toMatch(/ada@|hunter2|evil|Pay Ada/)
    expect(read(text).data.refs).toEqual(
      expect.arrayContaining([
        { in: 'args', kind: 'email', fp: expect.stringMatching(/^[0-9a-f]{16}$/) },
        { in: 'result', kind: 'domain', fp: expect.any(String), untrusted: true },
      ]),
    )
  })

  it('are numbered by session', () => {
    const made = events()
    const seq = (session: string) => read(made.request({ ...CALL, session: { id: session } }, 'c', {})).data.seq
    expect([seq('a'), seq('a'), seq('b'), seq('a')]).toEqual([0, 1, 0, 2])
  })

  it('stay within their size: too long arguments and lists leave their digests', () => {
    const { data } = read(events().request({ ...CALL, args: { text: 'x'.repeat(40_000) } }, 'c', {}))
    expect([data.args, data.args_bytes]).toEqual([undefined, 40_011])
    const tools = Array.from({ length: 100 }, (_, i) => ({
      name: `t${i}`,
      description: 'd'.repeat(8_000),
      description_sha256: 'a'.repeat(64),
    }))
    const listed = events().response({ ...CALL, op: 'tools/list' }, 'c', {}, { status: 'ok', tools })
    expect(Buffer.byteLength(listed)).toBeLessThan(256 * 1024)
    expect(read(listed).data.tools?.[99]).toEqual({ name: 't99', description_sha256: 'a'.repeat(64) })
  })

  it('are valid by the schema of Belay, whatever a client or a server sends', () => {
    const text = fc.string({ maxLength: 80, unit: 'binary' })
    const args = fc.dictionary(
      fc.oneof(text, fc.constant('__proto__'), fc.constant('token')),
      fc.jsonValue({ maxDepth: 3 }),
    )
    const id = text.map((one) => one || 'x')
    fc.assert(
      fc.property(id, id, id, args, text, fc.boolean(), (agent, session, tool, members, sample, isRefs) => {
        const before = JSON.stringify(members)
        const call: Call = {
          ...CALL,
          agent: { id: agent },
          session: { id: session },
          tool: { name: tool },
          target: sample,
          args: members,
          intent: sample,
        }
        const made = events(isRefs ? REFS : { kind: 'full' })
        for (const event of [
          made.request(call, 'c', {}),
          made.response(call, 'c', {}, { status: 'error', sample }),
          made.heartbeat({}),
        ])
          expect(problemOf(JSON.parse(event))).toBeUndefined()
        expect(JSON.stringify(members)).toBe(before)
      }),
    )
  })
})
