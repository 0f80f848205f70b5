import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './secret-exposure.ts'

const MARK = { $redacted: 'secret', sha256: '0123456789abcdef', len: 40 }
const baseline = baselineOf({
  parameters: [
    profileRow('post', '#', 60),
    profileRow('login', '#', 60),
    profileRow('login', '!secret:password', 60),
    profileRow('rare', '#', 9),
  ],
})
const says = (tool: string, args: Record<string, unknown>) =>
  run(detector, baseline, [toolEvent({ tool: { name: tool }, args })])

it('a mark of redaction in an argument that never had one is a signal', () => {
  const [signal] = says('post', { text: 'use [redacted:0123456789abcdef:40]' })
  expect(signal?.reasons[0]).toMatchObject({
    what: 'argument text of `post`',
    expected: 'none in 60 calls of role tester',
  })
  expect(says('post', { meta: { key: MARK } })).toHaveLength(1)
})

it('a mark in a result that never had one is a signal', () => {
  const result = { status: 'ok' as const, sample: 'api_key=[redacted:0123456789abcdef:40]' }
  const [signal] = run(detector, baseline, [toolEvent({ phase: 'response', tool: { name: 'post' }, result })])
  expect(signal?.reasons[0]?.what).toBe('result of `post`')
})

it('where secrets are usual one more is none', () => {
  expect(says('login', { password: MARK })).toEqual([])
  expect(says('post', { text: 'hello' })).toEqual([])
})

it('a tool of nine calls is the edge: too little history for absence to count', () => {
  expect(says('rare', { text: '[redacted:0123456789abcdef:40]' })).toEqual([])
})
