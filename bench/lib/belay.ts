import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { CloudEvent } from '../../src/model/index.ts'
import { parseConfig, settingsOf } from '../../src/run/config.ts'
import { type Instance, startInstance } from '../../src/run/instance.ts'
import { learnFiles } from '../../src/run/learn-files.ts'
import { createLog } from '../../src/run/log.ts'
import { baselineFolder } from '../../src/run/parts/keys.ts'
import type { Progress } from '../main.ts'
import { HISTORY, quietIo } from './rig.ts'

/** When the fixtures' history ends: a working morning. */
const HISTORY_END_MS = Date.UTC(2026, 9, 26, 10)

export interface BenchInstance {
  readonly instance: Instance
  readonly data: string
  /** stops it and removes its data */
  end(): Promise<void>
}

/** A whole Belay in this process, with roles learnt from the fixtures as if their history had just ended. */
export async function startBelay(
  progress: Progress,
  config: object = {},
  env: NodeJS.ProcessEnv = {},
): Promise<BenchInstance> {
  const data = mkdtempSync(join(tmpdir(), 'belay-bench-'))
  const settings = settingsOf(
    parseConfig(JSON.stringify({ data, listen: { port: 0 }, ...config }), 'bench'),
    { ...process.env, ...env },
    'bench',
  )
  progress('learning the fixture roles')
  const shiftMs = Date.now() - HISTORY_END_MS
  await learnFiles(
    settings,
    quietIo,
    HISTORY.map((path) => movedBy(shiftMs, path, data)),
    baselineFolder(data),
  )
  const instance = await startInstance(settings, createLog('warn', process.stderr))
  return {
    instance,
    data,
    async end() {
      await instance.stop()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

function movedBy(shiftMs: number, path: string, folder: string): string {
  const moved = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const event = JSON.parse(line) as CloudEvent
      return `${JSON.stringify({ ...event, time: new Date(Date.parse(event.time) + shiftMs).toISOString() })}\n`
    })
  const copy = join(folder, basename(path))
  writeFileSync(copy, moved.join(''))
  return copy
}
