import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadBaselines } from '../../../src/baseline/snapshot.ts'
import type { Judged } from '../../../src/model/index.ts'
import { parseConfig, settingsOf } from '../../../src/run/config.ts'
import { learnFiles } from '../../../src/run/learn-files.ts'
import { openDoor } from '../../../src/run/parts/accept.ts'
import { loadFleets } from '../../../src/run/parts/fleet.ts'
import { openEngine, openJudge } from '../../../src/run/parts/judge.ts'
import { loadKeys, refsKeyId } from '../../../src/run/parts/keys.ts'
import { replayFiles } from '../../../src/run/replay.ts'
import { quietIo } from '../../lib/rig.ts'

/** What `belay learn` on the history and `belay score` on the test would do, with every verdict whole. */
export async function learnAndJudge(
  config: object,
  history: readonly object[],
  test: readonly object[],
): Promise<readonly Judged[]> {
  const folder = mkdtempSync(join(tmpdir(), 'belay-eval-'))
  try {
    const settings = settingsOf(parseConfig(JSON.stringify({ data: folder, ...config }), 'eval'), {}, 'eval')
    const [learn, score] = [join(folder, 'learn.ndjson'), join(folder, 'score.ndjson')]
    writeFileSync(learn, ndjson(history))
    writeFileSync(score, ndjson(test))
    await learnFiles(settings, quietIo, [learn], folder)
    const keys = loadKeys(settings, folder)
    const baselines = await loadBaselines(folder, refsKeyId(keys))
    const engine = await openEngine(settings.config, {
      threw(_detector, error) {
        throw error
      },
    })
    const { judge } = openJudge(settings.config, {
      engine,
      baselineOf: (tenant, role) => baselines.of(tenant, role),
      fleetSnapshots: loadFleets(folder),
    })
    const judged: Judged[] = []
    const store = { write: () => Promise.resolve() }
    const door = openDoor(settings.config, keys)
    const { rejected } = await replayFiles(
      { io: { ...quietIo, err: console.error }, door, judge, store, judged: (some) => judged.push(...some) },
      [score],
      'score',
    )
    if (rejected > 0) throw new Error(`${rejected} events of the evaluation are not valid`)
    return judged
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function ndjson(events: readonly object[]): string {
  const byTime = events.toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1))
  return `${byTime.map((event) => JSON.stringify(event)).join('\n')}\n`
}

function timeOf(event: object): string {
  return (event as { readonly time: string }).time
}
