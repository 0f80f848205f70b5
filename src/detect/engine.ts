import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Signal, ToolEvent, Unjudged } from '../model/index.ts'
import type { Detector, DetectorInput, SignalSource } from './detector.ts'

/** A folder of detectors that cannot be used as it stands; the message says which file and what to change. */
export class DetectorError extends Error {
  override readonly name = 'DetectorError'
  readonly code = 'detector-unusable'
}

/** Every `*.ts` or `*.js` file (tests excepted) of the folders; the folder is the registry. Rejects with DetectorError. */
export async function loadDetectors(folders: readonly string[]): Promise<readonly Detector[]> {
  const detectors = new Map<string, Detector>()
  for (const folder of folders) {
    const files = (await readdir(folder)).filter((name) => /(?<!\.test|\.d)\.(?:ts|js|mjs)$/.test(name)).sort()
    for (const file of files) {
      const path = join(folder, file)
      const module: unknown = await import(pathToFileURL(path).href)
      const detector = checked(path, (module as { default?: unknown }).default)
      if (detectors.has(detector.id))
        throw new DetectorError(`${path}: a detector called ${detector.id} exists already; rename the file and its id`)
      detectors.set(detector.id, detector)
    }
  }
  return [...detectors.values()]
}

const DATA_MEMBERS = new Set(
  'op phase call_id seq tenant agent session server tool tools target args args_sha256 args_bytes args_redacted refs result egress auth decision intent env trace ext'.split(
    ' ',
  ),
)

function checked(path: string, candidate: unknown): Detector {
  const fail = (what: string): never => {
    throw new DetectorError(`${path}: ${what}`)
  }
  if (typeof candidate !== 'object' || candidate === null) return fail('must `export default defineDetector({...})`')
  const detector = candidate as Detector
  const name = basename(path).replace(/\.[a-z]+$/, '')
  if (detector.id !== name) fail(`its id is ${String(detector.id)}; it must be the file's name, ${name}`)
  if (typeof detector.detect !== 'function') fail('has no detect function')
  for (const list of ['needs', 'tags', 'knownGaps', 'runbook'] as const)
    if (!Array.isArray(detector[list])) fail(`${list} must be a list of strings (it may be empty, except the runbook)`)
  if (detector.runbook.length === 0) fail('the runbook is empty: give the analyst two or three concrete steps')
  for (const need of detector.needs) {
    const [first = ''] = need.split('.')
    if (!DATA_MEMBERS.has(first))
      fail(`needs ${need}, which no event has; see docs/event.md for the members of an event`)
  }
  return detector
}

export interface RawSignal {
  readonly source: SignalSource
  readonly signal: Signal
  /** names the situation where it is not the session's own: what raises under one name is one finding to people */
  readonly situation?: string | undefined
}

export interface Detected {
  readonly signals: readonly RawSignal[]
  readonly unjudged: readonly Unjudged[]
}

export interface EngineObserver {
  /** a detector threw on this event; it was skipped, the others ran */
  threw(detector: string, error: unknown, event: ToolEvent): void
}

interface Ready {
  readonly detector: Detector
  readonly detect: Detector['detect']
  readonly source: SignalSource
  readonly needs: readonly (readonly string[])[]
}

/** Detectors of one op, by what an event can rule out for all of them at once. */
interface ReadyLists {
  readonly all: readonly Ready[]
  /** nothing is new to the tenant */
  readonly quiet: readonly Ready[]
  /** the role is still learning */
  readonly learning: readonly Ready[]
  readonly quietLearning: readonly Ready[]
}

/**
 * Runs detectors over one event: only those that look at its op, only with what they need, each guarded. Reads nothing
 * but its input. A detector that leans on the baseline is not asked while the role is learning.
 */
export class Engine {
  readonly detectors: readonly Detector[]
  private readonly observer: EngineObserver | undefined
  private readonly byOp = new Map<string, ReadyLists>()

  constructor(detectors: readonly Detector[], observer?: EngineObserver) {
    this.detectors = [...detectors].sort((a, b) => (a.id < b.id ? -1 : 1))
    this.observer = observer
  }

  detect(input: DetectorInput): Detected {
    let signals: RawSignal[] = NO_SIGNALS
    let unjudged: Unjudged[] = NO_UNJUDGED
    for (const one of this.readyFor(input)) {
      const missing = missingOf(one, input.event.data as unknown as Record<string, unknown>)
      if (missing !== undefined) {
        if (unjudged === NO_UNJUDGED) unjudged = []
        unjudged.push({ detector: one.source.id, missing })
        continue
      }
      try {
        const signal = one.detect.call(one.detector, input)
        if (signal === undefined || !(signal.strength > 0)) continue
        if (signals === NO_SIGNALS) signals = []
        signals.push({ source: one.source, signal })
      } catch (error) {
        this.observer?.threw(one.source.id, error, input.event)
      }
    }
    return signals === NO_SIGNALS && unjudged === NO_UNJUDGED ? NOTHING_DETECTED : { signals, unjudged }
  }

  private readyFor({ event, baseline, fleet }: DetectorInput): readonly Ready[] {
    const lists = this.byOp.get(event.data.op) ?? this.listsFor(event.data.op)
    if (baseline.state === 'learning') return fleet.isQuiet ? lists.quietLearning : lists.learning
    return fleet.isQuiet ? lists.quiet : lists.all
  }

  private listsFor(op: string): ReadyLists {
    const detectors = this.detectors.filter(({ ops }) => ops === undefined || ops.includes(op))
    const listOf = (isAsked: (detector: Detector) => boolean): readonly Ready[] =>
      detectors.filter(isAsked).map(readyOf)
    const lists = {
      all: listOf(() => true),
      quiet: listOf(({ scope }) => scope !== 'fleet'),
      learning: listOf(({ whileLearning }) => whileLearning),
      quietLearning: listOf(({ scope, whileLearning }) => scope !== 'fleet' && whileLearning),
    }
    if (this.byOp.size < MAX_OPS) this.byOp.set(op, lists)
    return lists
  }
}

/** Ops are an open set, and a stranger may name any. */
const MAX_OPS = 1_000

/** What the loop reads lies in objects of one shape: those of detectors differ by the members that they leave out. */
function readyOf(detector: Detector): Ready {
  const { detect, needs } = detector
  return { detector, detect, source: sourceOf(detector), needs: needs.map((need) => need.split('.')) }
}

function sourceOf({ id, title, tags, runbook, contains, raises }: Detector): SignalSource {
  const source = { kind: 'detector' as const, id, title, tags, runbook, contains }
  if (raises === undefined) return source
  const { severity, response } = raises
  return { ...source, raises: { severity, ...(response && { response: { level: response } }) } }
}

const NO_SIGNALS: RawSignal[] = []
const NO_UNJUDGED: Unjudged[] = []
/** most events: nobody spoke, and nobody lacked anything */
const NOTHING_DETECTED: Detected = { signals: NO_SIGNALS, unjudged: NO_UNJUDGED }

function missingOf(one: Ready, data: Record<string, unknown>): string | undefined {
  for (const path of one.needs) {
    let at: unknown = data
    for (const part of path)
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined
    if (at === undefined || at === null) return path.join('.')
  }
  return undefined
}
