import { expect, it } from 'vitest'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './new-destination.ts'

const fp = (name: string) => Buffer.from(name).toString('hex').padEnd(16, '0')
const many = Array.from({ length: 60 }, (_, i) => profileRow('browse\u001fdomain', fp(`site${i}`), 1))
const baseline = baselineOf({
  reach: [
    profileRow('post\u001fdomain', fp('chat'), 80),
    profileRow('post\u001fdomain', fp('wiki'), 1),
    profileRow('rare\u001fdomain', fp('chat'), 7),
    ...many,
  ],
})
const to = (tool: string, name: string, named = false) =>
  run(detector, baseline, [
    toolEvent({
      tool: { name: tool },
      refs: [
        { in: 'args', kind: 'domain', fp: fp(name) },
        ...(named ? [{ in: 'intent' as const, kind: 'domain', fp: fp(name) }] : []),
      ],
    }),
  ])

it('a domain that the tool never went to is a signal with the odds of a new one', () => {
  const [signal] = to('post', 'evil')
  expect(signal?.strength).toBeGreaterThan(3)
  expect(signal?.reasons[0]?.expected).toContain('one of 2 in 81 uses')
})
it('a known one, and one that the task names, is none', () => {
  expect(to('post', 'chat')).toEqual([])
  expect(to('post', 'wiki')).toEqual([])
  expect(to('post', 'evil', true)).toEqual([])
})
it('where every use goes elsewhere one more is none', () => {
  expect(to('browse', 'evil')).toEqual([])
})
it('seven uses are the edge: too few to say what is new', () => {
  expect(to('rare', 'evil')).toEqual([])
})
