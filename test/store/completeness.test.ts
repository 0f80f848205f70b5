import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { judgedEvent } from '../../src/testing/judged.ts'
import { readCompleteness } from '../../src/web/completeness.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/*
 * Goal: what a PEP published and never came is named. Method: streams with known holes are stored, and the answer is
 * held against the holes.
 */
const MINUTE_MS = 60_000
let store: Store
let position = 0

beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

interface Sent {
  readonly session: string
  readonly seq?: number
  readonly atMs: number
  readonly op?: string
  readonly lateMs?: number
}

async function stored(tenant: string, source: string, sent: readonly Sent[]): Promise<void> {
  const events = sent.map(({ session, seq, atMs, op, lateMs = 0 }) => {
    const data = { session: { id: session }, agent: { id: 'a' }, ...(seq !== undefined && { seq }), ...(op && { op }) }
    const timeMs = T0_MS + atMs
    return toolEvent(data, {
      tenant,
      source,
      id: `${source}-${position}`,
      position: position++,
      timeMs,
      receivedMs: timeMs + lateMs,
    })
  })
  await store.write(
    events.map((event) => judgedEvent(event)),
    [],
  )
}

const window = { fromMs: T0_MS - 1, toMs: T0_MS + 60 * MINUTE_MS }
const read = (tenant: string) => readCompleteness(store, { tenant, ...window })

it('is complete where every number came once, in whatever order, and a copy is not one more', async () => {
  const numbers = [0, 2, 1, 3, 3]
  await stored(
    'whole',
    'gw',
    numbers.map((seq) => ({ session: 's', seq, atMs: seq * 1_000 })),
  )
  expect(await read('whole')).toMatchObject({
    verdict: 'complete',
    peps: [{ source: 'gw', numbered: 'session', missing: 0, late: 0, silent_minutes: 0 }],
  })
})

it('names the minute before which numbers of a session are missing, and what came late', async () => {
  const sent = ['s1', 's2', 's3'].flatMap((session) =>
    [0, 1, 2, 3, 4].map((seq) => ({ session, seq, atMs: seq * MINUTE_MS })),
  )
  await stored(
    'holes',
    'gw',
    sent.filter(({ session, seq }) => session !== 's2' || (seq !== 2 && seq !== 3)),
  )
  await stored('holes', 'slow', [
    { session: 't', seq: 0, atMs: 0 },
    { session: 't', seq: 1, atMs: 1, lateMs: 2 * MINUTE_MS },
  ])
  const { verdict, peps } = await read('holes')
  expect(verdict).toBe('missing')
  expect(peps).toMatchObject([
    {
      source: 'gw',
      received: 13,
      missing: 2,
      verdict: 'missing',
      minutes: [{ minute: new Date(T0_MS + 4 * MINUTE_MS).toISOString(), missing: 2 }],
    },
    { source: 'slow', missing: 0, late: 1, verdict: 'late' },
  ])
})

it('counts on over sessions where the PEP does, and says nothing of a PEP that numbers nothing', async () => {
  const spread = [10, 11, 12, 14, 15].map((seq, i) => ({ session: `s${i}`, seq, atMs: i }))
  await stored('over', 'counter', spread)
  await stored('over', 'plain', [{ session: 'p', atMs: 5 }])
  expect((await read('over')).peps).toMatchObject([
    { source: 'counter', numbered: 'source', missing: 1 },
    { source: 'plain', numbered: 'none', missing: 0, verdict: 'unknown' },
  ])
})

it('hears the silence of a PEP that sends heartbeats', async () => {
  const beats = [0, 1, 2, 6, 7].map((minute) => ({ session: 'gw', atMs: minute * MINUTE_MS, op: 'heartbeat' }))
  await stored('quiet', 'gw', beats)
  expect((await read('quiet')).peps).toMatchObject([{ silent_minutes: 3, verdict: 'silent' }])
})

it('finds as many as were dropped, whichever they were', { timeout: 60_000 }, async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 58 }), { maxLength: 20 }), async (dropped) => {
      const tenant = `drop-${run++}`
      const numbers = Array.from({ length: 60 }, (_, seq) => seq).filter((seq) => !dropped.includes(seq))
      await stored(
        tenant,
        'gw',
        numbers.map((seq) => ({ session: 's', seq, atMs: seq * 30_000 })),
      )
      expect((await read(tenant)).peps[0]?.missing).toBe(dropped.length)
    }),
    { numRuns: 15 },
  )
})

it('answers for one session alone', async () => {
  const session = { agent: 'a', id: 's1' }
  expect(await readCompleteness(store, { tenant: 'holes', ...window, session })).toMatchObject({ verdict: 'complete' })
})
