import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { listed } from '../src/testing/fleet.ts'
import detector from './equivocation.ts'

const MINUTE_MS = 60_000
const shown = (minute: number, agent: string, description: string, version?: string) =>
  listed(
    { search: description, count: 'Counts.' },
    {
      agent: { id: agent },
      session: { id: agent },
      server: { id: 'files', ...(version === undefined ? {} : { version }) },
    },
    { timeMs: T0_MS + minute * MINUTE_MS },
  )
const told = (...events: ReturnType<typeof listed>[]) => run(detector, baselineOf({}), events)

it('two versions by turns are told, with who was shown the other', () => {
  const [signal] = told(shown(0, 'a', 'Searches.'), shown(1, 'b', 'Searches all.'), shown(2, 'a', 'Searches.'))
  expect(signal?.reasons[0]).toMatchObject({ what: '`search` of server files' })
  expect(signal?.reasons[0]?.observed).toContain('to b')
})

it('an update is none, however many see it', () => {
  expect(told(shown(0, 'a', 'Searches.'), shown(1, 'b', 'Searches all.'), shown(2, 'a', 'Searches all.'))).toEqual([])
})

it('lists of different length are none', () => {
  const short = listed({ count: 'Counts.' }, { agent: { id: 'b' } }, { timeMs: T0_MS + MINUTE_MS })
  expect(told(shown(0, 'a', 'Searches.'), short, shown(2, 'a', 'Searches.'))).toEqual([])
})

it('a roll-out with releases, and a release that is taken back later, are the edge: none', () => {
  expect(
    told(shown(0, 'a', 'Searches.', '1'), shown(1, 'b', 'Searches all.', '2'), shown(2, 'a', 'Searches.', '1')),
  ).toEqual([])
  expect(told(shown(0, 'a', 'Searches.'), shown(1, 'b', 'Searches all.'), shown(40, 'a', 'Searches.'))).toEqual([])
})
