import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Baselines, loadBaselines } from '../../src/baseline/snapshot.ts'
import type { Engine } from '../../src/detect/engine.ts'
import type { AgentHour, Judged, RestoredEvent, SessionKey, ToolEvent } from '../../src/model/index.ts'
import { agentKey, sessionKeyOf } from '../../src/model/index.ts'
import type { Judge } from '../../src/pipeline.ts'
import type { Config } from '../../src/run/config-schema.ts'
import { openDoor } from '../../src/run/parts/accept.ts'
import { openEngine, openJudge } from '../../src/run/parts/judge.ts'
import { loadKeys } from '../../src/run/parts/keys.ts'
import type { RestoreBound } from '../../src/store/store.ts'
import { fleet } from './stream.ts'
import { Installations } from './ways.ts'

// However a stream is cut into batches, over whichever processes its partitions move meanwhile: the same verdicts.
const PARTITIONS = 3
const HOUR_MS = 3_600_000
const root = mkdtempSync(join(tmpdir(), 'belay-bounds-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let config: Config
let engine: Engine
let baselines: Baselines
let stream: readonly ToolEvent[]
let expected: ReadonlyMap<string, unknown>

beforeAll(async () => {
  const settings = new Installations(root).settings()
  config = settings.config
  const played = fleet(Date.UTC(2026, 9, 26, 10, 30))
  const folder = join(root, 'baselines')
  await played.learn(settings, folder)
  baselines = await loadBaselines(folder)
  engine = await openEngine(config, {
    threw: (detector, cause) => {
      throw new Error(`${detector} threw`, { cause })
    },
  })
  stream = inPartitions(played.lines, openDoor(config, loadKeys(settings, folder)))
  const alone = newJudge()
  expected = verdictsOf(stream.map((event) => alone.judge(event)))
})

/** Decoded as from Kafka: one agent's events in one partition, offsets rising. */
function inPartitions(lines: readonly string[], { decode }: ReturnType<typeof openDoor>): readonly ToolEvent[] {
  const offsets = Array.from({ length: PARTITIONS }, () => 0)
  const partitionOf = new Map<string, number>()
  return lines.map((line) => {
    const { agent } = (JSON.parse(line) as { readonly data: { readonly agent: { readonly id: string } } }).data
    const partition = partitionOf.get(agent.id) ?? partitionOf.size % PARTITIONS
    partitionOf.set(agent.id, partition)
    const position = offsets[partition] ?? 0
    offsets[partition] = position + 1
    const decoded = decode({ body: Buffer.from(line), origin: `kafka:t/${partition}`, position })
    if (!decoded.ok) throw new Error(decoded.rejected.error)
    return decoded.event
  })
}

function newJudge(kept?: Kept): Judge {
  return openJudge(config, {
    engine,
    baselineOf: (tenant, role) => baselines.of(tenant, role),
    ...(kept && { store: kept }),
    restoreFailed: (error) => {
      throw error
    },
  }).judge
}

/** What was judged, read back as the store's port says that it is read: the last copy of an event counts. */
class Kept {
  private readonly copies = new Map<string, Judged>()

  write(judged: readonly Judged[]): void {
    for (const one of judged) if (!one.verdict.duplicate) this.copies.set(one.event.id, one)
  }

  private get judged(): readonly Judged[] {
    return [...this.copies.values()]
  }

  history(bounds: readonly RestoreBound[], backMs: number) {
    const found = bounds.map((bound): [SessionKey, readonly RestoredEvent[]] => {
      const own = this.before(bound).filter(({ event }) => sessionKeyOf(event) === bound.key)
      const inReach = own.filter(({ event }) => event.timeMs >= bound.timeMs - backMs)
      return [bound.key, inReach.map(({ event, agentHour }) => ({ ...event, agentHour }))]
    })
    return Promise.resolve(new Map(found))
  }

  agentHours(bounds: readonly RestoreBound<string>[]) {
    const hours = new Map<string, AgentHour>()
    for (const bound of bounds) {
      const own = this.before(bound).filter(({ event }) => agentKey(event.tenant, event.data.agent.id) === bound.key)
      const last = own
        .map(({ agentHour }) => agentHour)
        .findLast(({ hour }) => hour >= Math.floor(bound.timeMs / HOUR_MS))
      if (last !== undefined) hours.set(bound.key, last)
    }
    return Promise.resolve(hours)
  }

  recentSessions(sinceMs: number) {
    const recent = this.judged.filter(({ event }) => event.timeMs >= sinceMs)
    return Promise.resolve(new Set(recent.map(({ event }) => sessionKeyOf(event))))
  }

  private before({ origin, position }: RestoreBound<string>): readonly Judged[] {
    return this.judged.filter(({ event }) => event.origin === origin && event.position < position)
  }
}

function verdictsOf(judged: readonly Judged[]): ReadonlyMap<string, unknown> {
  const fresh = judged.filter(({ verdict }) => !verdict.duplicate)
  return new Map(
    fresh.map(({ event, facts, agentHour, verdict, orders }) => [event.id, { facts, agentHour, verdict, orders }]),
  )
}

/**
 * One step of a run: a batch of `size` events of some partitions; before it, `moves` partitions change their process,
 * which is sent the last `again` events of them once more: they were stored, and nobody heard that they were.
 */
const steps = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 60 }),
    moves: fc.option(fc.integer({ min: 0, max: PARTITIONS - 1 }), { nil: undefined, freq: 3 }),
    restarts: fc.boolean(),
    again: fc.integer({ min: 0, max: 60 }),
  }),
  { minLength: 1, maxLength: 40 },
)

const ONWARD = { size: 50, moves: undefined, restarts: false, again: 0 }

function numberOf(origin: string): number {
  return Number(origin.slice(-1))
}

test('the attack of each copy is contained', () => {
  const contained = [...expected.values()].filter((one) => (one as Judged).orders.length > 0)
  expect(contained.length).toBeGreaterThanOrEqual(4)
})

test('batch bounds, sessions that move between processes and back, and events that come again change no verdict', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const kept = new Kept()
      const processes: Judge[] = [newJudge(kept), newJudge(kept)]
      const owner = Array.from({ length: PARTITIONS }, () => 0)
      const assigned: [string[], string[]] = [[], []]
      const judged: Judged[] = []
      let from = 0
      for (let at = 0; from < stream.length; at++) {
        const { size, moves, restarts, again } = plan[at % plan.length] ?? ONWARD
        const comesAgain = stream
          .slice(Math.max(0, from - again), from)
          .filter(({ origin }) => numberOf(origin) === moves)
        if (moves !== undefined) {
          const to = 1 - (owner[moves] ?? 0)
          owner[moves] = to
          if (restarts) processes[to] = newJudge(kept)
          assigned[to as 0 | 1].push(`kafka:t/${moves}`)
        }
        const batch = [...comesAgain, ...stream.slice(from, from + size)]
        from += size
        for (const which of [0, 1] as const) {
          const judge = processes[which]
          const own = batch.filter(({ origin }) => owner[numberOf(origin)] === which)
          if (judge === undefined || own.length === 0) continue
          judge.forget(assigned[which].splice(0))
          await judge.restoreUnknown(own)
          const fresh = own.map((event) => judge.judge(event))
          judged.push(...fresh)
          kept.write(fresh)
        }
      }
      expect(verdictsOf(judged)).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})
