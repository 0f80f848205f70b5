import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

const WRITER = fileURLToPath(new URL('./kill-writer.ts', import.meta.url))
const EVENTS = 20_000
const ROUNDS = 8
const SEED = 20_261_121

/**
 * Goal: an acknowledged event is never lost and never counted twice, whenever the writer is killed. Method: kill it at
 * seeded moments, deliver again from what it last acknowledged, in batches of another size, across a partition bound.
 */
test('a writer that is killed again and again leaves each event once', { timeout: 120_000 }, async () => {
  const directory = temporaryDirectory()
  const random = seeded(SEED)
  let acknowledged = 0
  let killed = 0
  for (let round = 0; round < ROUNDS; round++) {
    const size = 50 + Math.floor(random() * 700)
    const writer = start(directory, acknowledged, size)
    await writer.ready
    // Killing is the one thing that has to happen at a moment of real time.
    await Promise.race([delay(random() * 120), writer.gone])
    killed += Number(writer.child.kill('SIGKILL'))
    await writer.gone
    // What was acknowledged may not have reached the source: it delivers some of it again.
    acknowledged = Math.max(0, writer.acknowledged() - Math.floor(random() * 1000))
  }
  const last = start(directory, acknowledged, 611)
  await last.gone
  expect(last.acknowledged()).toBe(EVENTS)
  expect(killed).toBeGreaterThanOrEqual(ROUNDS / 2)

  const store = await openStore({ kind: 'embedded', directory, retention: RETENTION })
  const counts = await store.query(
    `SELECT count() AS events, uniqExact(position) AS positions, countIf(first_of_call) AS calls,
       sum(bytes) AS bytes, uniqExact(toDate(time)) AS days FROM events`,
  )
  const [sessions] = await store.query<{ calls: number }>('SELECT sum(calls) AS calls FROM sessions')
  const [calls] = await store.query<{ calls: number }>('SELECT count() AS calls FROM tool_calls')
  await store.close()
  expect(counts).toEqual([{ events: EVENTS, positions: EVENTS, calls: EVENTS / 2, bytes: EVENTS * 50, days: 2 }])
  expect([sessions?.calls, calls?.calls]).toEqual([EVENTS / 2, EVENTS / 2])
})

interface Writer {
  readonly child: ChildProcess
  readonly ready: Promise<unknown>
  readonly gone: Promise<unknown>
  acknowledged(): number
}

function start(directory: string, from: number, size: number): Writer {
  const parameters = ['--import', 'tsx', WRITER, directory, String(from), String(EVENTS), String(size)]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
  let acknowledged = from
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (line !== 'ready') acknowledged = Number(line)
  })
  const gone = Promise.all([once(child, 'exit'), once(lines, 'close')])
  return { child, ready: Promise.race([once(lines, 'line'), gone]), gone, acknowledged: () => acknowledged }
}

/** Mulberry32: one seed gives the same moments again. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
