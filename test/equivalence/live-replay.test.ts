import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { RunningBelay, run } from '../run/belay.ts'
import { startClickHouse } from '../services/clickhouse.ts'
import { kafkaBroker } from '../services/kafka.ts'
import { fleet } from './stream.ts'
import { Installations, publish, stored, throughHttp } from './ways.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

// One stream, judged live by two processes that take each other's partitions over, live by HTTP in requests of any
// size, and in a replay: nobody can tell from a verdict which way its event came.
const kafka = await kafkaBroker()
const root = mkdtempSync(join(tmpdir(), 'belay-live-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const { lines, learn } = fleet(Date.now() - 60_000)
const baselines = join(root, 'baselines')
const at = new Installations(root, baselines)
const KEY = 'the same for all'

interface Verdict {
  readonly session: string
  readonly score: number
  readonly risk: number
  readonly action: string
  readonly finding: boolean
  readonly signals: readonly (readonly [id: string, strength: number, reasons: unknown])[]
}
type Verdicts = ReadonlyMap<string, Verdict>

let replayed: Verdicts
let byHttp: Live

beforeAll(async () => {
  const settings = new Installations(root).settings()
  await learn(settings, baselines)
  const [events, out, config] = ['events.ndjson', 'verdicts.ndjson', 'belay.yaml'].map((name) => join(root, name))
  if (events === undefined || out === undefined || config === undefined) throw new Error('no paths')
  writeFileSync(events, lines.map((line) => `${line}\n`).join(''))
  writeFileSync(config, JSON.stringify({ refs: { key: { env: 'KEY' } } }))
  const scored = await run(['score', '--baseline', baselines, '--events', events, '--out', out, '--config', config], {
    KEY,
  })
  if (scored.code !== 0) throw new Error(scored.err)
  replayed = ofReplay(readFileSync(out, 'utf8').trimEnd().split('\n'))
  byHttp = await throughHttp(at.settings(), lines, cuts(), ofStore)
})

interface Line extends Omit<Verdict, 'session' | 'signals'> {
  readonly event_id: string
  readonly session_id: string
  readonly signals: readonly {
    readonly detector?: string
    readonly rule?: string
    readonly strength: number
    readonly reasons: unknown
  }[]
}

function ofReplay(out: readonly string[]): Verdicts {
  return new Map(
    out.map((text) => {
      const { event_id, session_id, score, risk, signals, ...rest } = JSON.parse(text) as Line
      const named = signals.map((one) => [one.detector ?? one.rule ?? '', stored32(one.strength), one.reasons] as const)
      return [event_id, { session: session_id, score: stored32(score), risk: stored32(risk), signals: named, ...rest }]
    }),
  )
}

/** As the store keeps a number. */
function stored32(value: number): number {
  return Math.fround(value)
}

interface Live {
  readonly verdicts: Verdicts
  /** event and finding id, of those events that raised one */
  readonly findings: readonly (readonly [string, string])[]
}

interface Row extends Omit<Verdict, 'session' | 'signals' | 'finding'> {
  readonly event_id: string
  readonly session_id: string
  readonly finding_id: string
  /** whether people were told of it as a new one */
  readonly opened: 0 | 1 | boolean
  readonly by: readonly string[]
  readonly strength: readonly number[]
  readonly reasons: readonly string[]
}

async function ofStore(store: Pick<Store, 'query'>): Promise<Live> {
  const rows = await store.query<Row>(
    `SELECT event_id, session_id, score, risk, action, finding_id,
       event_id IN (SELECT revised_event FROM finding_revisions WHERE activity = 'created') AS opened, signal.by AS by, signal.strength AS strength,
      signal.reasons AS reasons FROM events ORDER BY event_id`,
  )
  const verdicts = rows.map(({ event_id, session_id, score, risk, action, opened, by, strength, reasons }) => {
    const signals = by.map((id, i) => [id, stored32(strength[i] ?? Number.NaN), JSON.parse(reasons[i] ?? '')] as const)
    const finding = Boolean(opened)
    return [
      event_id,
      { session: session_id, score: stored32(score), risk: stored32(risk), action, finding, signals },
    ] as const
  })
  const raised = rows.filter((row) => row.finding_id !== '')
  return { verdicts: new Map(verdicts), findings: raised.map((row) => [row.event_id, row.finding_id] as const) }
}

/** One to ninety, in no order that the stream has. */
function cuts(): readonly number[] {
  let size = 7
  return lines.map(() => {
    size = (size * 31 + 17) % 90
    return size + 1
  })
}

/** What one has otherwise than the other, or only one has: event id, live, replayed. */
function differences(live: Verdicts): readonly (readonly [string, Verdict | undefined, Verdict | undefined])[] {
  const ids = [...new Set([...live.keys(), ...replayed.keys()])]
  const differing = ids.filter((id) => !isDeepStrictEqual(live.get(id), replayed.get(id)))
  return differing.map((id) => [id, live.get(id), replayed.get(id)] as const)
}

test('the replay finds something to agree on', () => {
  const verdicts = [...replayed.values()]
  expect(verdicts).toHaveLength(lines.length)
  expect(verdicts.filter(({ finding }) => finding).length).toBeGreaterThanOrEqual(4)
  expect(verdicts.filter(({ signals }) => signals.length > 0).length).toBeGreaterThan(20)
})

test('live by HTTP, in requests of one to ninety events', () => {
  expect(differences(byHttp.verdicts)).toEqual([])
})

test.skipIf(!kafka.available)(
  'live by Kafka, two processes in one group, each leaving or joining on the way',
  async () => {
    const brokers = kafka.available ? kafka.service.brokers : []
    const clickhouse = await startClickHouse(mkdtempSync(join(root, 'clickhouse-')))
    const store = await openStore({ kind: 'server', url: clickhouse.url })
    const topics = { events: 'live.events', deadLetters: 'live.events.dlq' }
    const settings = at.settings({ kafka: { brokers, group: 'live', topics }, clickhouse: { url: clickhouse.url } })
    const { data: _data, ...shared } = settings.config
    const config = join(root, 'live.yaml')
    writeFileSync(config, JSON.stringify(shared))
    const start = () => RunningBelay.start(['--config', config, '--data', at.folder()], { KEY })
    const third = Math.floor(lines.length / 3)
    try {
      const first = await start()
      await publish(settings, lines.slice(0, third))
      await stored(store, { events: third, deadLetters: 0 })
      // The second one joins while events come, and the first one leaves while they still do.
      const joining = start()
      await publish(settings, lines.slice(third, 2 * third))
      const second = await joining
      const rest = lines.slice(2 * third)
      await publish(settings, rest.slice(0, rest.length / 2))
      expect(await first.end('SIGTERM')).toBe(0)
      // However late the second one joined, these are its own.
      await publish(settings, rest.slice(rest.length / 2))
      await stored(store, { events: lines.length, deadLetters: 0 })
      expect(await eventsOf(second)).toBeGreaterThan(0)
      expect(await second.end('SIGTERM')).toBe(0)
      const { verdicts, findings } = await ofStore(store)
      expect(differences(verdicts)).toEqual([])
      expect(findings).toEqual(byHttp.findings)
    } finally {
      await store.close()
      await clickhouse.stop()
    }
  },
)

/** How many events the process has taken, from its metrics. */
async function eventsOf(belay: RunningBelay): Promise<number> {
  const { body } = await belay.get('/metrics')
  return Number(/belay_events_total\{source="kafka",outcome="accepted"\} (\d+)/.exec(body)?.[1] ?? 0)
}
