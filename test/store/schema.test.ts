import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sessionKeyOf, type ToolEvent } from '../../src/model/index.ts'
import { DEAD_LETTERS, EVENTS, FINDINGS, LEASE_CHANGES } from '../../src/store/columns.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { judgedEvent } from '../../src/testing/judged.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

const directory = temporaryDirectory()
let store: Store
beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory, retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

const COLUMNS = `SELECT name, type FROM system.columns
  WHERE database = currentDatabase() AND table = {table:String} AND default_kind = '' ORDER BY position`

test('what is written are the columns that the schema declares, in its order and of its types', async () => {
  for (const { table, columns } of [EVENTS, FINDINGS, DEAD_LETTERS, LEASE_CHANGES]) {
    const written = columns.map(({ name, type }) => ({ name, type }))
    expect({ table, columns: await store.query(COLUMNS, { table }) }).toEqual({ table, columns: written })
  }
})

test('every table, every view and every column says what it is', async () => {
  const silent = await store.query(
    `SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''
     AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine != 'View')`,
  )
  expect(silent).toEqual([])
  const tables = `SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''`
  expect(await store.query(tables)).toEqual([])
})

test('any event comes back as it was accepted', { timeout: 60_000 }, async () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat())
  const anyEvent = fc.record(
    {
      args: fc.dictionary(text, fc.jsonValue()),
      target: text,
      seq: fc.nat(),
      ext: fc.dictionary(text, fc.jsonValue()),
      result: fc.record({ status: fc.constant('ok' as const), bytes: number, sample: text }),
      refs: fc.array(
        fc.record(
          {
            in: fc.constantFrom('args', 'result'),
            kind: text,
            fp: text,
            untrusted: fc.boolean(),
            imperative: fc.boolean(),
            ext: text,
          },
          { requiredKeys: ['in', 'kind', 'fp'] },
        ),
        { maxLength: 3 },
      ),
      egress: fc.array(fc.record({ host: text, bytes_out: number })),
    },
    { requiredKeys: [] },
  )
  let position = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyEvent, { minLength: 1, maxLength: 20 }), text, async (many, session) => {
      const events = many.map((data): ToolEvent => {
        const event = toolEvent(
          { session: { id: `${position}-${session}` } },
          { position: ++position, id: `any-${position}` },
        )
        const cloud = { ...event.cloud, data: { ...event.data, ...JSON.parse(JSON.stringify(data)) } }
        return { ...event, cloud, data: cloud.data }
      })
      await store.write(
        events.map((event) => judgedEvent(event)),
        [],
      )
      const bounds = events.map((event) => ({ key: sessionKeyOf(event), origin: 'later', position: 0, timeMs: T0_MS }))
      const restored = await store.history(bounds, 1)
      for (const event of events)
        expect(restored.get(sessionKeyOf(event))).toEqual([{ ...event, agentHour: expect.any(Object) }])
    }),
    { numRuns: 25, seed: 7 },
  )
})

test('rows are kept as long as the options say, also when they say it later', async () => {
  const days = async () => {
    const [row] = await store.query<{ sql: string }>(
      `SELECT create_table_query AS sql FROM system.tables WHERE name = 'event_rows' AND database = currentDatabase()`,
    )
    return /toIntervalDay\((\d+)\)/.exec(row?.sql ?? '')?.[1]
  }
  expect(await days()).toBe(String(RETENTION.eventDays))
  await expect(openStore({ kind: 'embedded', directory, retention: { eventDays: 0, findingDays: 1 } })).rejects.toThrow(
    'eventDays must be a whole number of days',
  )
})

test('a second process on the directory is told so', { timeout: 60_000 }, () => {
  const script = fileURLToPath(new URL('./kill-writer.ts', import.meta.url))
  const second = spawnSync(process.execPath, ['--import', 'tsx', script, directory, '0', '0', '1'], {
    encoding: 'utf8',
  })
  expect(second.status).not.toBe(0)
  expect(second.stderr).toContain('another process has this data directory open')
})
