import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './credential-access.ts'

const baseline = baselineOf({
  parameters: [
    profileRow('read_file', '#', 60),
    profileRow('rotate', '#', 60),
    profileRow('rotate', '!credential-file:path', 1),
  ],
})
const says = (tool: string, args: Record<string, unknown>) =>
  run(detector, baseline, [toolEvent({ tool: { name: tool }, args })])

it('a key file is a signal, also from a tool without history', () => {
  const [signal] = says('read_file', { path: '~/.ssh/id_rsa' })
  expect(signal?.reasons[0]).toMatchObject({
    what: 'path of `read_file`',
    observed: 'a file in which systems keep credentials',
  })
  expect(says('never_seen', { path: '/srv/app/.env' })[0]?.strength).toBeGreaterThan(4)
  expect(says('fetch', { url: 'http://169.254.169.254/latest/meta-data/' })).toHaveLength(1)
})

it('a resource is read as an argument is', () => {
  const { tool: _none, ...data } = toolEvent({}).data
  const event = { ...toolEvent({}), data: { ...data, op: 'resources/read', target: 'file:///etc/shadow' } }
  expect(run(detector, baseline, [event])[0]?.reasons[0]?.what).toBe('target of `resources/read`')
})

it('a result that is an account file is a signal whatever asked for it', () => {
  const result = { status: 'ok' as const, sample: 'root:x:0:0:root:/root:/bin/bash' }
  expect(run(detector, baseline, [toolEvent({ phase: 'response', result })])).toHaveLength(1)
})

it('an ordinary file and a sentence that mentions one are none', () => {
  expect(says('read_file', { path: '/srv/notes.md' })).toEqual([])
  expect(says('read_file', { path: '.env.example' })).toEqual([])
  expect(says('send', { body: 'Do not commit .env please.' })).toEqual([])
})

it('once in the history is the edge: no news any more', () => {
  expect(says('rotate', { path: '/srv/app/.env' })).toEqual([])
})
