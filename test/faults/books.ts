import { join } from 'node:path'
import { loadBaselines } from '../../src/baseline/snapshot.ts'
import type { Io } from '../../src/run/io.ts'
import { openDoor } from '../../src/run/parts/accept.ts'
import { loadFleets } from '../../src/run/parts/fleet.ts'
import { openEngine, openJudge } from '../../src/run/parts/judge.ts'
import { baselineFolder, loadKeys } from '../../src/run/parts/keys.ts'
import { learnOnce } from '../../src/run/parts/learn.ts'
import { RuleBook } from '../../src/run/parts/rules.ts'
import { chdbFolder } from '../../src/run/parts/store.ts'
import { replayFiles } from '../../src/run/replay.ts'
import { loadOverridden } from '../../src/run/up.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'

/** What a store says of the stream: each thing that a fault could have lost or doubled. */
export interface Books {
  readonly counted: { readonly events: number; readonly distinct: number; readonly stored: number }
  readonly findings: readonly string[]
  /** contained sessions with their action */
  readonly sessions: readonly string[]
  readonly deadLetters: number
  /** containments by state, as analysts see them */
  readonly containments: readonly string[]
  /** per profile and role: rows, events, sessions and a digest of every row of the per-day tables */
  readonly learnt: readonly object[]
  /**
   * Score of every event, by source and id; not of those of which a detector spoke that looks across a whole tenant: who
   * is the first to use a new server depends on the order in which partitions are read, and no order of them is defined.
   */
  readonly scores: ReadonlyMap<string, string>
}

const io: Io = { out: () => undefined, err: (text) => console.error(text), watched: false, env: process.env }
const FOREVER = { eventDays: 20_000, findingDays: 20_000 }

/** Runs the learn job once, as if everything had settled, and reads the books. Nobody else has the folder open. */
export async function readBooks(data: string, learnAtMs: number): Promise<Books> {
  const store = await openStore({ kind: 'embedded', directory: chdbFolder(data), retention: FOREVER })
  try {
    return await booksOf(store, data, learnAtMs)
  } finally {
    await store.close()
  }
}

/**
 * The books of the same stream without any fault: judged by the same baselines through the same path, from a file into
 * a store of its own below `data`.
 */
export async function unbrokenBooks(data: string, events: string, learnAtMs: number): Promise<Books> {
  const settings = loadOverridden({ data }, {})
  const folder = baselineFolder(data)
  const baselines = await loadBaselines(folder)
  const engine = await openEngine(settings.config, {
    threw: (detector, error) => io.err(`${detector}: ${String(error)}`),
  })
  const rules = new RuleBook(settings.config, { swapped: () => undefined, kept: () => undefined })
  await rules.refresh(Date.now())
  const { judge } = openJudge(settings.config, {
    engine,
    baselineOf: (tenant, role) => baselines.of(tenant, role),
    fleetSnapshots: loadFleets(folder),
    rules: rules.of,
  })
  const store = await openStore({ kind: 'embedded', directory: join(data, 'unbroken'), retention: FOREVER })
  try {
    await store.migrate()
    await replayFiles(
      { io, door: openDoor(settings.config, loadKeys(settings, folder)), judge, store },
      [events],
      'read',
    )
    return await booksOf(store, data, learnAtMs)
  } finally {
    await store.close()
  }
}

async function booksOf(store: Store, data: string, learnAtMs: number): Promise<Books> {
  const { config } = loadOverridden({ data }, {})
  const engine = await openEngine(config, { threw: (detector, error) => io.err(`${detector}: ${String(error)}`) })
  await learnOnce(config, { store, engine, nowMs: learnAtMs })
  const texts = async (sql: string) => (await store.query<{ readonly text: string }>(sql)).map(({ text }) => text)
  const [counted] = await store.query<Books['counted']>(
    `SELECT count() AS events, uniqExact(source, event_id) AS distinct, (SELECT count() FROM event_rows) AS stored FROM events`,
  )
  const [letters] = await store.query<{ readonly letters: number }>('SELECT count() AS letters FROM dead_letters')
  const scores = await store.query<{ readonly id: string; readonly score: string }>(
    `SELECT concat(source, ' ', event_id) AS id, concat(toString(round(score, 3)), ' ', action, ' ', toString(arrayMap((by, strength) -> concat(by, ' ', toString(round(strength, 3))), signal.by, signal.strength))) AS score FROM events
     WHERE NOT hasAny(signal.by, {fleet:Array(String)})`,
    { fleet: engine.detectors.filter(({ scope }) => scope === 'fleet').map(({ id }) => id) },
  )
  return {
    counted: counted ?? { events: 0, distinct: 0, stored: 0 },
    findings: await texts(`SELECT concat(finding_id, ' ', cause, ' ', session_id) AS text FROM findings ORDER BY text`),
    sessions: await texts(
      `SELECT concat(session_id, ' ', action) AS text FROM sessions WHERE action NOT IN ('allow', 'monitor') ORDER BY text`,
    ),
    deadLetters: letters?.letters ?? 0,
    containments: await texts(`SELECT concat(target_id, ' ', state) AS text FROM containments ORDER BY text`),
    learnt: await store.query(
      `SELECT role, profile, count() AS rows, sum(events) AS total, sum(sessions) AS in_sessions,
         groupBitXor(cityHash64(day, fold, key, subkey, events, sessions, agents)) AS digest
       FROM profile_days GROUP BY role, profile ORDER BY role, profile`,
    ),
    scores: new Map(scores.map(({ id, score }) => [id, score])),
  }
}

/** Events that one store scores otherwise than the other, with both scores and what carried them. */
export function scoredOtherwise(a: Books, b: Books): readonly string[] {
  return [...a.scores].flatMap(([id, score]) => {
    const other = b.scores.get(id)
    return other === undefined || other === score ? [] : [`${id}: ${score} instead of ${other}`]
  })
}

export const NONE = { missing: [], extra: [] }

/** What one list has and the other has not; lists that hold a thing twice differ. */
export function difference(found: readonly string[], expected: readonly string[]) {
  const without = (list: readonly string[], other: readonly string[]): string[] => {
    const has = new Map<string, number>()
    for (const one of other) has.set(one, (has.get(one) ?? 0) + 1)
    return list.filter((one) => {
      const times = has.get(one) ?? 0
      has.set(one, times - 1)
      return times <= 0
    })
  }
  return { missing: without(expected, found), extra: without(found, expected) }
}
