import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Snapshot, saveBaselines } from '../baseline/snapshot.ts'
import { openStore } from '../store/open.ts'
import type { Settings } from './config.ts'
import type { Io } from './io.ts'
import { openDoor } from './parts/accept.ts'
import { learnFleets, saveFleets } from './parts/fleet.ts'
import { openEngine, openJudge } from './parts/judge.ts'
import { loadKeys, refsKeyId } from './parts/keys.ts'
import { learnOnce } from './parts/learn.ts'
import { startProgress } from './progress.ts'
import { type Replayed, replayFiles } from './replay.ts'
import { withoutStdin } from './stdin.ts'

export interface LearntFromFiles extends Replayed {
  readonly snapshots: readonly Snapshot[]
}

/** History of any age may be learnt from, so nothing of it may expire on the way. */
const KEEP_ALL = { eventDays: 20_000, findingDays: 20_000 }

/**
 * Baselines from event files: the events go into a store of their own through the live path, and the learn job runs
 * over it as if the newest event had just settled. The snapshots are left in `folder`.
 */
export async function learnFiles(
  settings: Settings,
  io: Io,
  paths: readonly string[],
  folder: string,
): Promise<LearntFromFiles> {
  const { config } = settings
  const keys = loadKeys(settings, folder)
  const door = openDoor(config, keys)
  const failures: unknown[] = []
  const engine = await openEngine(config, { threw: (_detector, error) => failures.push(error) })
  const { judge } = openJudge(config, { engine, baselineOf: () => undefined })
  const folderOfRun = mkdtempSync(join(tmpdir(), 'belay-learn-'))
  try {
    const files = await withoutStdin(paths, folderOfRun)
    const store = await openStore({ kind: 'embedded', directory: join(folderOfRun, 'chdb'), retention: KEEP_ALL })
    try {
      await store.migrate()
      const replayed = await replayFiles({ io, door, judge, store }, files, 'read')
      const snapshots = await learnSettled(settings, io, {
        store,
        engine,
        refsKey: refsKeyId(keys),
        newestMs: replayed.newestMs,
      })
      await saveBaselines(folder, snapshots)
      await saveFleets(folder, await learnFleets(config, store, replayed.newestMs + 1))
      if (failures.length > 0) io.err(`detectors threw ${failures.length} times; first: ${String(failures[0])}`)
      return { ...replayed, snapshots }
    } finally {
      await store.close()
    }
  } finally {
    rmSync(folderOfRun, { recursive: true, force: true })
  }
}

interface Settled extends Pick<Parameters<typeof learnOnce>[1], 'store' | 'engine' | 'refsKey'> {
  readonly newestMs: number
}

async function learnSettled({ config }: Settings, io: Io, settled: Settled): Promise<readonly Snapshot[]> {
  const progress = startProgress(io, 'learn')
  const nowMs = settled.newestMs + config.baselines.settleMinutes * 60_000 + 1
  try {
    return await learnOnce(config, { ...settled, nowMs, progress: (done, total) => progress.at(done, total) })
  } finally {
    progress.end()
  }
}
