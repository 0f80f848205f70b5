import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createRefExtractor } from '../../../src/accept/refs.ts'
import { loadBaselines } from '../../../src/baseline/snapshot.ts'

import type { CloudEvent, Judged } from '../../../src/model/index.ts'
import { parseConfig, settingsOf } from '../../../src/run/config.ts'
import type { Io } from '../../../src/run/io.ts'
import { learnFiles } from '../../../src/run/learn-files.ts'
import { openDoor } from '../../../src/run/parts/accept.ts'
import { loadFleets } from '../../../src/run/parts/fleet.ts'
import { openEngine, openJudge } from '../../../src/run/parts/judge.ts'
import { loadKeys, refsKeyId } from '../../../src/run/parts/keys.ts'
import { replayFiles } from '../../../src/run/replay.ts'

/** A set of agent traces: `learn`, `plain` and `test` event files beside `labels.json`. */
export const FILES = ['learn', 'plain', 'test'] as const
export type FileName = (typeof FILES)[number]
export type Files = Readonly<Record<FileName, string>>

export interface Label {
  readonly label: 'benign' | 'attacked_not_hijacked' | 'hijacked'
  readonly role: string
  readonly first_injected_event: string | null
  readonly seen_task: boolean | null
}

export interface Step {
  readonly eventId: string
  readonly risk: number
  readonly contained: boolean
  readonly alerted: boolean
  /** -ln of the tail of each signal, by detector */
  readonly surprises: ReadonlyMap<string, number>
}

/** One labelled session, judged: its events in stream order. */
export interface JudgedSession {
  readonly label: Label
  readonly steps: readonly Step[]
}

export interface Options {
  readonly weights?: Readonly<Record<string, number>>
  readonly disabled?: readonly string[]
  readonly enabled?: readonly string[]
}

const QUIET: Io = { out: () => undefined, err: () => undefined, watched: false, env: {} }

export function labelsOf(folder: string): ReadonlyMap<string, Label> {
  const labels = JSON.parse(readFileSync(join(folder, 'labels.json'), 'utf8')) as Record<string, Label>
  return new Map(Object.entries(labels))
}

export function filesOf(folder: string): Files {
  const path = (name: FileName): string => join(folder, `${name}.ndjson.gz`)
  return { learn: path('learn'), plain: path('plain'), test: path('test') }
}

/** Learns from the set's learn file and judges the others by it, as `belay learn` and `belay score` do. */
export async function judgeSet(
  files: Files,
  labels: ReadonlyMap<string, Label>,
  names: readonly Exclude<FileName, 'learn'>[],
  options: Options = {},
): Promise<ReadonlyMap<FileName, readonly JudgedSession[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'belay-agents-'))
  const { weights = {}, disabled = [], enabled = [] } = options
  const detection = { weights, disabled, enabled }
  const settings = settingsOf(parseConfig(JSON.stringify({ data: folder, detection }), 'eval'), {}, 'eval')
  try {
    await learnFiles(settings, QUIET, [files.learn], folder)
    const judged = new Map<FileName, readonly JudgedSession[]>()
    for (const name of names) {
      const sessions = new Map<string, { label: Label; steps: Step[] }>()
      await judgeFile(settings, folder, files[name], (one) => {
        const { id } = one.event.data.session
        const label = labels.get(id)
        if (label === undefined) return
        const session = sessions.get(id) ?? { label, steps: [] }
        session.steps.push(stepOf(one))
        sessions.set(id, session)
      })
      judged.set(name, [...sessions.values()])
    }
    return judged
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function judgeFile(
  settings: Parameters<typeof learnFiles>[0],
  folder: string,
  path: string,
  take: (judged: Judged) => void,
): Promise<void> {
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
  const store = { write: () => Promise.resolve() }
  const judged = (some: readonly Judged[]): void => some.forEach(take)
  await replayFiles({ io: QUIET, door: openDoor(settings.config, keys), judge, store, judged }, [path], 'score')
}

function stepOf({ event, verdict }: Judged): Step {
  return {
    eventId: event.id,
    risk: verdict.risk,
    contained: verdict.action !== 'allow' && verdict.action !== 'monitor',
    alerted: verdict.findings.length > 0,
    surprises: new Map(verdict.signals.map(({ by, tail }) => [by.id, -Math.log(tail)])),
  }
}

/** What the PEP sends of an event's content: all of it, refs as Belay makes them, or refs of values only. */
export type Content = 'refs' | 'values'

const WORDS: ReadonlySet<string> = new Set(['ask', 'act', 'name'])

/** The set as a PEP would send it that ships no content: arguments, samples and task text become refs. */
export function withoutContent(files: Files, folder: string, content: Content): Files {
  const refsOf = createRefExtractor({ key: 'of the PEP' })
  const strip = (name: FileName): string => {
    const path = join(folder, `${content}-${name}.ndjson`)
    const lines = gunzipSync(readFileSync(files[name])).toString().trimEnd().split('\n')
    writeFileSync(path, lines.map((line) => `${JSON.stringify(stripped(JSON.parse(line) as CloudEvent))}\n`).join(''))
    return path
  }
  const stripped = (event: CloudEvent): CloudEvent => {
    const { args: _args, intent: _intent, result, ...data } = event.data
    const { sample: _sample, ...kept } = result ?? { status: 'ok' as const }
    const all = refsOf(event.data)
    const refs =
      content === 'refs'
        ? all
        : all.filter((ref) => !WORDS.has(ref.kind)).map(({ imperative: _imperative, ...ref }) => ref)
    return { ...event, data: { ...data, refs, ...(result && { result: kept }) } }
  }
  return { learn: strip('learn'), plain: strip('plain'), test: strip('test') }
}
