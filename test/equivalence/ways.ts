import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect } from 'vitest'
import { recordKey } from '../../src/accept/kafka-ingest.ts'
import { parseConfig, type Settings, settingsOf } from '../../src/run/config.ts'
import { type Instance, startInstance } from '../../src/run/instance.ts'
import type { Io } from '../../src/run/io.ts'
import { createLog } from '../../src/run/log.ts'
import { openDoor } from '../../src/run/parts/accept.ts'
import { BaselineBook } from '../../src/run/parts/baselines.ts'
import { openEngine, openJudge } from '../../src/run/parts/judge.ts'
import { baselineFolder, loadKeys } from '../../src/run/parts/keys.ts'
import { RuleBook } from '../../src/run/parts/rules.ts'
import { openMigratedStore } from '../../src/run/parts/store.ts'
import { replayFiles } from '../../src/run/replay.ts'
import type { Store } from '../../src/store/store.ts'

/** What the store has of a stream, without what tells how it came in: when it was received, and where it stood. */
export interface Kept {
  readonly events: readonly Readonly<Record<string, unknown>>[]
  readonly deadLetters: readonly Letter[]
}

export interface Letter {
  readonly reason: string
  readonly error: string
  readonly pointer: string
  readonly bytes: string
}

/** How many rows a stream comes to; waiting ends there. */
export interface Expected {
  readonly events: number
  readonly deadLetters: number
}

/** One installation after the other below `root`, all with the same keys and baselines. */
export class Installations {
  private readonly root: string
  private readonly baselines: string | undefined

  constructor(root: string, baselines?: string) {
    this.root = root
    this.baselines = baselines
  }

  /** A data folder of its own, seeded with the baselines. */
  folder(): string {
    const data = mkdtempSync(join(this.root, 'data-'))
    if (this.baselines === undefined) return data
    mkdirSync(baselineFolder(data))
    for (const name of readdirSync(this.baselines))
      copyFileSync(join(this.baselines, name), join(baselineFolder(data), name))
    return data
  }

  settings(config: object = {}): Settings {
    const given = {
      data: this.folder(),
      listen: { port: 0 },
      // Nothing may learn while the ways are compared: they are judged by the same baselines.
      roles: ['accept', 'score', 'dispatch', 'web'],
      refs: { key: { env: 'KEY' } },
      ...config,
    }
    return settingsOf(parseConfig(JSON.stringify(given), 'the test'), { KEY: 'the same for all' }, 'the test')
  }
}

export const silent: Io = { out: () => undefined, err: () => undefined, watched: false, env: {} }
export const log = createLog('fatal', process.stderr)

/** Posts the stream as NDJSON, cut into requests of these sizes (the last one takes the rest), and reads what is stored. */
export async function throughHttp<T>(
  settings: Settings,
  lines: readonly string[],
  cuts: readonly number[],
  read: (store: Reading) => Promise<T>,
): Promise<T & { readonly answers: readonly Answer[] }> {
  return withInstance(settings, async ({ url, parts }) => {
    const answers: Answer[] = []
    for (const body of cutBy(lines, cuts)) answers.push(await post(url, body))
    return { ...(await read(parts.store)), answers }
  })
}

export interface Answer {
  readonly status: number
  readonly accepted?: number
  readonly rejected?: readonly { readonly index: number; readonly reason: string }[]
}

async function post(url: string, lines: readonly string[]): Promise<Answer> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  })
  return { ...((await response.json()) as Omit<Answer, 'status'>), status: response.status }
}

function* cutBy(lines: readonly string[], cuts: readonly number[]): Generator<readonly string[]> {
  let from = 0
  for (const size of cuts) {
    if (from < lines.length) yield lines.slice(from, from + size)
    from += size
  }
  if (from < lines.length) yield lines.slice(from)
}

/** Publishes the stream to the topic of the settings and waits until all of it is stored. */
export async function throughKafka(settings: Settings, lines: readonly string[], expected: Expected) {
  return withInstance(settings, async ({ parts }) => {
    await publish(settings, lines)
    await stored(parts.store, expected)
    return kept(parts.store)
  })
}

/** Keyed by agent as the contract says; what has no agent goes to some partition. */
export async function publish({ config }: Settings, lines: readonly string[]): Promise<void> {
  const { brokers = [], topics = { events: '' } } = config.kafka ?? {}
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({ idempotent: true })
  await producer.connect()
  await producer.send({
    topic: topics.events,
    acks: -1,
    messages: lines.map((value) => ({ key: keyOf(value), value })),
  })
  await producer.disconnect()
}

function keyOf(line: string): string {
  try {
    const { data } = JSON.parse(line) as {
      readonly data?: { readonly tenant?: string; readonly agent?: { id: string } }
    }
    return recordKey(data?.tenant ?? 'default', data?.agent?.id ?? 'nobody')
  } catch {
    return 'nobody'
  }
}

/** Reads the stream from a file into a store, as a replay does. */
export async function throughFile(settings: Settings, lines: readonly string[]) {
  const { config } = settings
  const path = join(config.data, 'events.ndjson')
  writeFileSync(path, `${lines.join('\n')}\n`)
  const engine = await openEngine(config, {
    threw: (detector, cause) => {
      throw new Error(`${detector} threw`, { cause })
    },
  })
  const store = await openMigratedStore(settings)
  try {
    const book = new BaselineBook(store, config.baselines.shelfLifeDays)
    await book.seed(baselineFolder(config.data), Date.now())
    await book.refresh(Date.now())
    const rules = new RuleBook(config, { swapped: () => undefined, kept: () => undefined })
    await rules.refresh(Date.now())
    const { judge } = openJudge(config, { engine, baselineOf: book.of, rules: rules.of })
    const door = openDoor(config, loadKeys(settings, baselineFolder(config.data)))
    const replayed = await replayFiles({ io: silent, door, judge, store }, [path], 'read')
    return { ...(await kept(store)), replayed }
  } finally {
    await store.close()
  }
}

async function withInstance<T>(settings: Settings, use: (instance: Instance) => Promise<T>): Promise<T> {
  const instance = await startInstance(settings, log)
  try {
    return await use(instance)
  } finally {
    await instance.stop()
  }
}

type Reading = Pick<Store, 'query'>

export async function stored(store: Reading, expected: Expected): Promise<void> {
  const count = async (): Promise<Expected> => ({
    events: (await store.query<{ n: number }>('SELECT count() AS n FROM events'))[0]?.n ?? 0,
    deadLetters: (await store.query<{ n: number }>('SELECT count() AS n FROM dead_letters'))[0]?.n ?? 0,
  })
  await expect.poll(count, { timeout: 60_000, interval: 200 }).toEqual(expected)
}

export async function kept(store: Reading): Promise<Kept> {
  const events = await store.query<Readonly<Record<string, unknown>>>(
    'SELECT * EXCEPT (received, origin, position) FROM events ORDER BY source, event_id',
  )
  const letters = await store.query<Letter>(
    'SELECT reason, error, pointer, base64Encode(bytes) AS bytes FROM dead_letters ORDER BY reason, pointer, bytes',
  )
  // A file's lines have numbers, which help whoever has the file.
  return { events, deadLetters: letters.map((one) => ({ ...one, error: one.error.replace(/^line \d+: /, '') })) }
}

const TIME = /"time": ?"(\d{4}-[^"]*)"/

/** The stream as if its last event had happened at `endMs`, so that the clock rule has nothing to say live either. */
export function retimed(lines: readonly string[], endMs: number): { lines: readonly string[]; shiftMs: number } {
  const newestMs = Math.max(...lines.map(timeOf).filter((ms) => !Number.isNaN(ms)))
  const shiftMs = endMs - newestMs
  return { lines: lines.map((line) => shifted(line, shiftMs)), shiftMs }
}

export function shifted(line: string, shiftMs: number): string {
  const ms = timeOf(line)
  return Number.isNaN(ms) ? line : line.replace(TIME, `"time":"${new Date(ms + shiftMs).toISOString()}"`)
}

function timeOf(line: string): number {
  return Date.parse(TIME.exec(line)?.[1] ?? '')
}
