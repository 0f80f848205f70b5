import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadBaselines } from '../src/baseline/snapshot.ts'
import type { Judged } from '../src/model/index.ts'
import { parseConfig, settingsOf } from '../src/run/config.ts'
import type { Io } from '../src/run/io.ts'
import { learnFiles } from '../src/run/learn-files.ts'
import { openDoor } from '../src/run/parts/accept.ts'
import { openEngine, openJudge } from '../src/run/parts/judge.ts'
import { loadKeys } from '../src/run/parts/keys.ts'
import { replayFiles } from '../src/run/replay.ts'

/** Goal: detectors are silent on clean work. Method: judge fixtures/benign by the baselines learnt from it. */
const BENIGN = join(import.meta.dirname, '../fixtures/benign')
const files = readdirSync(BENIGN).map((file) => join(BENIGN, file))
const quiet: Io = { out: () => {}, err: () => {}, watched: false, env: {} }
const folder = mkdtempSync(join(tmpdir(), 'belay-benign-'))
const settings = settingsOf(parseConfig(JSON.stringify({ data: folder }), 'test'), {}, 'test')
const engine = await openEngine(settings.config, {
  threw(_detector, error) {
    throw error
  },
})
const judged: Judged[] = []

beforeAll(async () => {
  await learnFiles(settings, quiet, files, folder)
  const baselines = await loadBaselines(folder)
  const { judge } = openJudge(settings.config, { engine, baselineOf: (tenant, role) => baselines.of(tenant, role) })
  const door = openDoor(settings.config, loadKeys(settings, folder))
  const store = { write: () => Promise.resolve() }
  await replayFiles({ io: quiet, door, judge, store, judged: (some) => judged.push(...some) }, files, 'score')
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('clean history', () => {
  it('was judged by active baselines', () => {
    expect(judged.length).toBeGreaterThan(1_000)
    expect(judged.filter(({ verdict }) => verdict.baseline === 'none')).toEqual([])
  })
  it('raises no finding and contains no session', () => {
    const raised = judged.filter(({ verdict }) => verdict.findings.length > 0 || verdict.action !== 'allow')
    expect(raised.map(({ event }) => event.data.session.id)).toEqual([])
  })
  it.each(engine.detectors.map(({ id }) => id))('has evidence by %s in less than one event of twenty', (id) => {
    const told = judged.filter(({ verdict }) =>
      verdict.signals.some(({ by, evidence }) => by.id === id && evidence > 0),
    )
    expect(told.length / judged.length).toBeLessThan(0.05)
  })
})
