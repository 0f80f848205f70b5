import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyBaseline } from '../baseline/empty.ts'
import { QUIET_FLEET } from '../model/index.ts'
import { baselineOf } from '../testing/baseline.ts'
import { toolEvent } from '../testing/events.ts'
import { type Detector, defineDetector } from './detector.ts'
import { DetectorError, Engine, loadDetectors } from './engine.ts'
import { Sessions } from './session.ts'

const always = (id: string, more: Partial<Detector> = {}): Detector =>
  defineDetector({
    id,
    title: id,
    description: 'says yes to everything it sees',
    needs: [],
    whileLearning: false,
    contains: true,
    tags: [],
    knownGaps: [],
    runbook: ['look'],
    detect: () => ({ strength: 1, reasons: [] }),
    ...more,
  })

const event = toolEvent()
const input = (baseline = baselineOf({})) => ({
  event,
  session: new Sessions().enter(event).session,
  baseline,
  fleet: QUIET_FLEET,
})
const ids = (engine: Engine, baseline = baselineOf({})): string[] =>
  engine.detect(input(baseline)).signals.map((raw) => raw.source.id)

describe('the engine', () => {
  it('asks only detectors that look at the op', () => {
    expect(ids(new Engine([always('a', { ops: ['tools/list'] }), always('b', { ops: ['tools/call'] })]))).toEqual(['b'])
  })

  it('says what a detector missed instead of asking it', () => {
    const detected = new Engine([always('a', { needs: ['result.bytes'] })]).detect(input())
    expect(detected).toEqual({ signals: [], unjudged: [{ detector: 'a', missing: 'result.bytes' }] })
  })

  it('counts and skips one that throws; the others run', () => {
    const threw: string[] = []
    const broken = always('broken', {
      detect: () => {
        throw new Error('no')
      },
    })
    const engine = new Engine([broken, always('fine')], { threw: (id) => threw.push(id) })
    expect(ids(engine)).toEqual(['fine'])
    expect(threw).toEqual(['broken'])
  })

  it('while a role is learning, asks only those that lean on nothing learnt', () => {
    const engine = new Engine([always('a'), always('b', { whileLearning: true })])
    expect(ids(engine, emptyBaseline('default', 'tester'))).toEqual(['b'])
  })

  it('asks detectors of fleet scope only where the fleet has news', () => {
    const engine = new Engine([always('a', { scope: 'fleet' }), always('b')])
    expect(ids(engine)).toEqual(['b'])
    const signals = engine.detect({ ...input(), fleet: { ...QUIET_FLEET, isQuiet: false } }).signals
    expect(signals.map((raw) => raw.source.id)).toEqual(['a', 'b'])
  })

  it('does not depend on the order in which detectors were given', () => {
    expect(ids(new Engine([always('b'), always('a')]))).toEqual(['a', 'b'])
  })
})

describe('loading a folder', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'belay-detectors-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })
  const fields = "description: '', whileLearning: false, contains: true, tags: [], knownGaps: [], detect() {}"
  it.each([
    [
      'id that is not the file name',
      `export default { id: 'other', title: '', needs: [], runbook: ['x'], ${fields} }`,
      /must be the file's name/,
    ],
    [
      'need that no event has',
      `export default { id: 'mine', title: '', needs: ['nonsense.x'], runbook: ['x'], ${fields} }`,
      /nonsense/,
    ],
    ['empty runbook', `export default { id: 'mine', title: '', needs: [], runbook: [], ${fields} }`, /runbook/],
    ['no default export', 'export const x = 1', /export default/],
  ])('refuses an %s and says what to change', async (_what, source, message) => {
    const own = await mkdtemp(join(folder, 'one-'))
    await writeFile(join(own, 'mine.mjs'), source)
    await expect(loadDetectors([own])).rejects.toThrow(DetectorError)
    await expect(loadDetectors([own])).rejects.toThrow(message)
  })
})
