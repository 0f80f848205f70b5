import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import { fleetHistory } from '../src/testing/fleet.ts'
import detector from './new-server.ts'

const at = (id: string) => toolEvent({ server: { id, url: `https://${id}.example` } })
const history = fleetHistory([at('files')])

it('the first event of a server that history does not have is a signal, the second none', () => {
  const [signal, ...more] = run(detector, baselineOf({}), [at('maps'), at('maps')], history)
  expect(signal?.reasons[0]?.observed).toBe('first event of it, at https://maps.example')
  expect(more).toEqual([])
})

it('a known server is none', () => {
  expect(run(detector, baselineOf({}), [at('files')], history)).toEqual([])
})

it('before history vouches for anything every server is new, and none is told', () => {
  expect(run(detector, baselineOf({}), [at('maps')])).toEqual([])
})
