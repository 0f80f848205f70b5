import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Baselines, loadBaselines } from '../../src/baseline/snapshot.ts'
import type { Engine } from '../../src/detect/engine.ts'
import { parseConfig, type Settings, settingsOf } from '../../src/run/config.ts'
import type { Io } from '../../src/run/io.ts'
import { learnFiles } from '../../src/run/learn-files.ts'
import { type Door, openDoor } from '../../src/run/parts/accept.ts'
import { type JudgeRoom, openEngine, openJudge } from '../../src/run/parts/judge.ts'
import { baselineFolder, loadKeys } from '../../src/run/parts/keys.ts'
import type { Progress } from '../main.ts'

/** The middle of the path as a process builds it: every detector on, baselines learnt from the fixtures. */
export interface Rig {
  readonly settings: Settings
  readonly door: Door
  readonly engine: Engine
  readonly baselines: Baselines
  newJudge(): JudgeRoom
  /** a door that remembers no text yet */
  newDoor(): Door
  close(): void
}

export const HISTORY = ['finance', 'support', 'research'].map((role) => `fixtures/benign/${role}.ndjson`)

export const quietIo: Io = { out: () => {}, err: () => {}, watched: false, env: process.env }

export async function openRig(progress: Progress, config: object = {}): Promise<Rig> {
  const data = mkdtempSync(join(tmpdir(), 'belay-bench-'))
  const settings = settingsOf(parseConfig(JSON.stringify({ data, ...config }), 'bench'), process.env, 'bench')
  progress('learning the fixture roles')
  await learnFiles(settings, quietIo, HISTORY, baselineFolder(data))
  const baselines = await loadBaselines(baselineFolder(data))
  const engine = await openEngine(settings.config, {
    threw: (detector, error) => {
      throw new Error(`detector ${detector} threw`, { cause: error })
    },
  })
  const keys = loadKeys(settings, baselineFolder(data))
  const newDoor = (): Door => openDoor(settings.config, keys)
  return {
    settings,
    door: newDoor(),
    newDoor,
    engine,
    baselines,
    newJudge: () => openJudge(settings.config, { engine, baselineOf: (tenant, role) => baselines.of(tenant, role) }),
    close: () => rmSync(data, { recursive: true, force: true }),
  }
}
