import { once } from 'node:events'
import { createWriteStream, existsSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { loadBaselines } from '../baseline/snapshot.ts'
import type { RuleProblem } from '../detect/sigma/load.ts'
import type { Judged } from '../model/index.ts'
import type { Settings } from './config.ts'
import { CommandError, EXIT, type Io } from './io.ts'
import { openDoor } from './parts/accept.ts'
import { loadFleets } from './parts/fleet.ts'
import { openEngine, openJudge } from './parts/judge.ts'
import { loadKeys, refsKeyId } from './parts/keys.ts'
import { RuleBook, type RuleBookObserver } from './parts/rules.ts'
import { type Replayed, replayFiles } from './replay.ts'

/** Replays event files through the live path, one NDJSON line per event to `out` (standard output when absent). */
export async function scoreFiles(
  settings: Settings,
  io: Io,
  paths: readonly string[],
  folder: string,
  out: string | undefined,
  ruleFolders: readonly string[] = [],
): Promise<Replayed> {
  if (!existsSync(folder)) throw new CommandError(`${folder} is not there; \`belay learn\` makes it`, EXIT.misused)
  const keys = loadKeys(settings, folder)
  const baselines = await loadBaselines(folder, refsKeyId(keys))
  if (baselines.all.length === 0) io.err(`no baseline in ${folder}: every role counts as learning`)
  const door = openDoor(settings.config, keys)
  const engine = await openEngine(settings.config, {
    threw: (detector, error, event) => io.err(`detector ${detector} threw on event ${event.id}: ${String(error)}`),
  })
  const rules = new RuleBook(settings.config, tellOn(io), ruleFolders)
  await rules.refresh(Date.now())
  const { judge } = openJudge(settings.config, {
    engine,
    baselineOf: (tenant, role) => baselines.of(tenant, role),
    fleetSnapshots: loadFleets(folder),
    rules: rules.of,
  })
  const lines = new Lines(out === undefined ? process.stdout : createWriteStream(out))
  const replayed = await replayFiles(
    { io, door, judge, store: { write: () => lines.flush() }, judged: (judged) => lines.add(judged) },
    paths,
    'score',
  )
  await lines.end(out !== undefined)
  return replayed
}

/** A rule that does not load is one line; the others run. */
function tellOn(io: Io): RuleBookObserver {
  const tell = (problems: readonly RuleProblem[]): void => {
    for (const { file, line, message } of problems) io.err(`${file}:${line}: ${message}`)
  }
  return { swapped: (_generation, _rules, failed) => tell(failed), kept: (_generation, failed) => tell(failed) }
}

/** Lines wait here until the pipeline stores their batch, so that a slow reader slows the replay down. */
class Lines {
  private readonly stream: Writable
  private waiting: string[] = []
  private failed: Error | undefined

  constructor(stream: Writable) {
    this.stream = stream
    stream.on('error', (error) => {
      this.failed = error
    })
  }

  add(judged: readonly Judged[]): void {
    for (const one of judged) this.waiting.push(lineOf(one))
  }

  async flush(): Promise<void> {
    if (this.failed) throw this.failed
    const text = this.waiting.join('')
    this.waiting = []
    if (text !== '' && !this.stream.write(text)) await once(this.stream, 'drain')
  }

  async end(isFile: boolean): Promise<void> {
    await this.flush()
    if (!isFile) return
    this.stream.end()
    await finished(this.stream)
  }
}

function lineOf({ event, verdict }: Judged): string {
  const line = {
    event_id: event.id,
    session_id: event.data.session.id,
    score: verdict.score,
    risk: verdict.risk,
    action: verdict.action,
    finding: verdict.findings.some(({ activity }) => activity === 'created'),
    signals: verdict.signals.map(({ by, strength, reasons }) => ({ [by.kind]: by.id, strength, reasons })),
  }
  return `${JSON.stringify(line)}\n`
}
