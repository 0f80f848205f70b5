import { expect, it } from 'vitest'
import { parseConfig } from '../config.ts'
import { callDescriber, openEngine } from './judge.ts'

/** Goal: the configuration says which detectors run. Method: open the engine by configurations that differ in that. */
const OPTIONAL = 'unusual-combination'
const observer = { threw: () => undefined }

async function opened(detection: object) {
  const config = parseConfig(JSON.stringify({ detection }), 'test')
  const engine = await openEngine(config, observer)
  return { config, engine, ids: engine.detectors.map(({ id }) => id) }
}

it('an optional detector is off until it is enabled, and every other one is on', async () => {
  const { ids } = await opened({})
  expect(ids).not.toContain(OPTIONAL)
  expect(ids).toContain('off-hours')
  expect((await opened({ enabled: [OPTIONAL] })).ids).toEqual([...ids, OPTIONAL].sort())
})

it('what is disabled does not run, even if it is enabled too', async () => {
  const { ids } = await opened({ enabled: [OPTIONAL], disabled: [OPTIONAL, 'off-hours'] })
  expect(ids).not.toContain(OPTIONAL)
  expect(ids).not.toContain('off-hours')
})

it.each(['enabled', 'disabled'])('an unknown id in detection.%s is refused with the nearest one', async (key) => {
  await expect(opened({ [key]: ['of-hours'] })).rejects.toThrow(/no detector `of-hours`; did you mean `off-hours`/)
})

it('a model is trained only for a detector that runs', async () => {
  const without = await opened({})
  expect(callDescriber(without.config, without.engine)).toBeUndefined()
  const { config, engine } = await opened({ enabled: [OPTIONAL] })
  expect(callDescriber(config, engine)).toBeTypeOf('function')
})
