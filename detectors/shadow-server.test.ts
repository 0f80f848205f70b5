import { expect, it } from 'vitest'
import { Fleets } from '../src/detect/fleet.ts'
import { Sessions } from '../src/detect/session.ts'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import { fleetHistory } from '../src/testing/fleet.ts'
import detector from './shadow-server.ts'

const at = (id: string) => toolEvent({ server: { id } })
const history = fleetHistory([at('payments'), at('github')])
const told = (id: string) => run(detector, baselineOf({}), [at(id)], history)

it.each(['раyments', 'paymnets', 'g1thub', 'github-official'])('%s passes for a known server', (id) => {
  expect(told(id)).toHaveLength(1)
})

it.each(['payments-eu', 'payments2', 'github_staging', 'maps', 'payment'])('%s is an honest name', (id) => {
  expect(told(id)).toEqual([])
})

it("a server that is not on the operator's list is told, one that is on it is not", () => {
  const baseline = baselineOf({})
  const tell = (id: string) => {
    const fleets = new Fleets({ registeredServers: ['payments'] })
    const event = at(id)
    const { session } = new Sessions().enter(event)
    return detector.detect({ event, session, baseline, fleet: fleets.enter(event, session) })
  }
  expect(tell('maps')?.reasons[0]?.observed).toBe('not registered')
  expect(tell('payments')).toBeUndefined()
})
