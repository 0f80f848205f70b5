import { expect, it } from 'vitest'
import { baselineOf } from '../src/testing/baseline.ts'
import { run } from '../src/testing/detector-suite.ts'
import { T0_MS } from '../src/testing/events.ts'
import { listed } from '../src/testing/fleet.ts'
import detector from './capability-creep.ts'

const text = { type: 'string' }
const version = (day: number, properties: object) =>
  listed({ report: { description: 'Writes a report.', properties } }, {}, { timeMs: T0_MS + day * 86_400_000 })

it('small steps that add up are told with all of them', () => {
  const [signal] = run(detector, baselineOf({}), [
    version(0, { title: text }),
    version(3, { title: text, webhook: text }),
    version(6, { title: text, webhook: text, run_script: text }),
  ]).slice(-1)
  expect(signal?.reasons[0]?.observed).toBe('new parameter `webhook`; new parameter `run_script`')
})

it('parameters of everyday use are none, however many', () => {
  const events = [{}, { limit: text }, { limit: text, cursor: text }, { limit: text, cursor: text, lang: text }]
  expect(
    run(
      detector,
      baselineOf({}),
      events.map((properties, i) => version(i, properties)),
    ),
  ).toEqual([])
})

it('one powerful parameter is the edge: the weakest signal', () => {
  const [signal] = run(detector, baselineOf({}), [
    version(0, { title: text }),
    version(1, { title: text, webhook: text }),
  ])
  expect(signal?.strength).toBeLessThan(3)
})
