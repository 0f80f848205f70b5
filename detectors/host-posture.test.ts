import { expect, it } from 'vitest'
import { emptyBaseline } from '../src/baseline/empty.ts'
import { baselineOf, profileRow } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { toolEvent } from '../src/testing/events.ts'
import detector from './host-posture.ts'

const baseline = baselineOf({ surroundings: [profileRow('posture', 'compliant', 96)] })
const of = (posture: string, by = baseline) => run(detector, by, [toolEvent({ env: { posture, host: 'node-7' } })])

it('a failed check is a signal that names the host', () => {
  const [signal] = of('non-compliant: disk encryption off')
  expect(signal?.reasons[0]).toMatchObject({
    what: 'posture of host node-7',
    expected: 'usually compliant for role tester',
  })
})
it('a host that passes is none', () => {
  expect(of('compliant')).toEqual([])
  expect(of('healthy')).toEqual([])
})
it('a role that is still learning is judged too', () => {
  expect(of('failed', emptyBaseline('default', 'tester'))).toHaveLength(1)
})
it('a fleet that fails every day is the edge: known, no news', () => {
  expect(of('failed', baselineOf({ surroundings: [profileRow('posture', 'failed', 3)] }))).toEqual([])
})
