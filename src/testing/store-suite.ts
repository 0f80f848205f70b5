import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agentKey, type Judged, type Rejected, type SessionKey, sessionKey, sessionKeyOf } from '../model/index.ts'
import { type RestoreBound, type Store, StoreError } from '../store/store.ts'
import { T0_MS, toolEvent } from './events.ts'
import { findingOf, judgedCalls, judgedEvent, leaseChange } from './judged.ts'

const HOUR_MS = 3_600_000

/**
 * What every store must do. `open` gives an empty store that keeps rows of any age; the suite migrates and closes it.
 * Cases share one store, each under a tenant or an origin of its own.
 */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  describe(`${name}`, () => {
    let store: Store
    const count = async (from: string, where = '1'): Promise<number> => {
      const [row] = await store.query<{ rows: number }>(`SELECT count() AS rows FROM ${from} WHERE ${where}`)
      return row?.rows ?? -1
    }

    beforeAll(async () => {
      store = await open()
      await store.migrate()
    })
    afterAll(() => store.close())

    test('migrates twice, and twice at once, to the same schema', async () => {
      const schema = `SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name`
      const once = await store.query(schema)
      await Promise.all([store.migrate(), store.migrate()])
      expect(await store.query(schema)).toEqual(once)
    })

    test('answers a ping and writes nothing for nothing', async () => {
      await store.ping()
      await store.write([], [])
      await store.writeLeaseChanges([])
      await store.insert('baselines', [])
      expect(await count('events')).toBe(0)
    })

    test('counts each event once in every view, however a batch is cut again', async () => {
      const all = judgedCalls(30).map((one, index) => withSignal(one, index === 7))
      await store.write(all.slice(0, 40), [])
      for (const [from, to] of [
        [0, 13],
        [13, 27],
        [20, 60],
        [0, 60],
      ] as const)
        await store.write(all.slice(from, to), [])
      expect(await count('events', `tenant = 'acme'`)).toBe(60)
      expect(await count('tool_calls', `tenant = 'acme'`)).toBe(30)
      expect(await count('signals', `tenant = 'acme'`)).toBe(1)
      expect(await count('findings', `tenant = 'acme'`)).toBe(1)
      const sessions = await store.query(
        `SELECT sum(events) AS events, sum(calls) AS calls, sum(bytes) AS bytes, sum(signals) AS signals
         FROM sessions WHERE tenant = 'acme'`,
      )
      expect(sessions).toEqual([{ events: 60, calls: 30, bytes: 3000, signals: 1 }])
      const tools = await store.query(`SELECT tool, calls, agents FROM tools_seen WHERE tenant = 'acme'`)
      expect(tools).toEqual([{ tool: 'read_file', calls: 30, agents: 10 }])
    })

    test('shows a finding once as its worst event was, however its revisions come, and who said what of it', async () => {
      const ofOneSession = judgedCalls(11).filter(({ event }) => event.data.agent.id === 'agent-0')
      const events = ofOneSession.map((one) => ofTenant(one, 'situations'))
      const severities = ['medium', 'critical', 'low'] as const
      const revisions = events.slice(0, 3).map((one, i) =>
        findingOf(one, {
          activity: i === 0 ? 'created' : 'updated',
          severity: severities[i] ?? 'low',
          count: i + 1,
          openedMs: T0_MS,
        }),
      )
      await store.writeFindings(revisions)
      await store.writeFindings(revisions.slice(0, 2))
      const shown = `SELECT severity, event_id, count, revisions, length(events) AS told, status, disposition,
        containment_state FROM findings WHERE tenant = 'situations'`
      const stood = { severity: 'critical', event_id: events[1]?.event.id, count: 3, revisions: 3, told: 3 }
      expect(await store.query(shown)).toEqual([{ ...stood, status: 'open', disposition: '', containment_state: '' }])
      await store.writeLeaseChanges([leaseChange('acknowledged', 1, { tenant: 'situations' })])
      const said = { tenant: 'situations', finding_id: 'finding-1', by: 'ada', reason: 'seen', duplicate_of: '' }
      await store.insert('finding_dispositions', [
        { ...said, at: '2026-11-03 00:00:00.000', disposition: 'benign', severity: 'high' },
      ])
      const held = { ...stood, containment_state: 'acknowledged', disposition: 'benign' }
      expect(await store.query(shown)).toEqual([{ ...held, status: 'open' }])
      await store.insert('finding_dispositions', [
        { ...said, at: '2026-11-03 00:00:01.000', disposition: 'true_positive', severity: 'critical' },
      ])
      expect(await store.query(shown)).toEqual([{ ...held, disposition: 'true_positive', status: 'closed' }])
    })

    test('counts a finding that several sessions share over all of them', async () => {
      const events = judgedCalls(2).map((one) => ofTenant(one, 'shared'))
      const shared = events.map((one, i) => findingOf(one, { count: 1 + i, openedMs: T0_MS }))
      await store.writeFindings([...shared, ...shared])
      const shown = `SELECT count, sessions FROM findings WHERE tenant = 'shared'`
      expect(await store.query(shown)).toEqual([{ count: 6, sessions: ['session-of-agent-0', 'session-of-agent-1'] }])
    })

    test('counts an event once that lies on both sides of midnight with its batch', async () => {
      const midnight = Date.UTC(2026, 10, 3)
      const all = judgedCalls(20, 0, midnight - 20_000).map((one) => ofTenant(one, 'midnight'))
      // As after a crash between the two partitions: one side stored, then everything again.
      await store.write(all.slice(0, 20), [])
      await store.write(all, [])
      expect(await count('events', `tenant = 'midnight'`)).toBe(40)
    })

    test('keeps the first delivery of an event', async () => {
      const event = toolEvent({}, { tenant: 'first', id: 'same', position: 5, receivedMs: T0_MS })
      await store.write([judgedEvent(event)], [])
      await store.write([judgedEvent({ ...event, position: 900, receivedMs: T0_MS + 5000 })], [])
      const rows = await store.query(`SELECT position FROM events WHERE tenant = 'first'`)
      expect(rows).toEqual([{ position: 5 }])
    })

    test('takes every insert, also where the engine remembers tokens and drops what it takes for a copy', async () => {
      await store.command(
        `CREATE TABLE IF NOT EXISTS remembers (word String) ENGINE = MergeTree ORDER BY word
         SETTINGS non_replicated_deduplication_window = 100`,
      )
      for (let round = 0; round < 2; round++) {
        await store.insert('remembers', [{ word: 'same' }])
        await store.write(
          judgedCalls(1).map((one) => ofTenant(one, 'tokens')),
          [],
        )
        await store.command('INSERT INTO remembers SELECT {word:String}', { word: 'same' })
      }
      expect(await count('remembers')).toBe(4)
      await store.command('DROP TABLE IF EXISTS remembers')
    })

    test('shows the newest state of a containment and keeps its history once', async () => {
      const changes = [leaseChange('planned', 0), leaseChange('delivered', 1), leaseChange('acknowledged', 1)]
      await store.writeLeaseChanges(changes)
      await store.writeLeaseChanges(changes.slice(1))
      expect(await count('containment_changes', `tenant = 'acme'`)).toBe(3)
      const state = () => store.query(`SELECT containment_id, state FROM containments WHERE tenant = 'acme'`)
      expect(await state()).toEqual([{ containment_id: 'order-1', state: 'acknowledged' }])
      await store.writeLeaseChanges([leaseChange('released', 9), leaseChange('in_effect', 9)])
      expect(await state()).toEqual([{ containment_id: 'order-1', state: 'released' }])
    })

    test('keeps dead letters byte for byte, once each, and knows which were sent in again', async () => {
      const letters = [deadLetter(1, [0, 255, 10, 34, 128]), deadLetter(2, [123])]
      await store.write([], letters)
      await store.write([], letters)
      await store.insert('dead_letter_replays', [
        { origin: 'letters', position: 2, replayed_at: '2026-11-03 00:00:00.000' },
      ])
      const rows = await store.query(
        `SELECT position, hex(bytes) AS bytes, reason, pointer, replayed_at IS NOT NULL AS replayed
         FROM dead_letters WHERE origin = 'letters' ORDER BY position`,
      )
      expect(rows).toEqual([
        { position: 1, bytes: '00FF0A2280', reason: 'schema', pointer: '/data/op', replayed: 0 },
        { position: 2, bytes: '7B', reason: 'schema', pointer: '/data/op', replayed: 1 },
      ])
    })

    test('restores a session as it was accepted, in the order in which it was judged', async () => {
      const stored = judgedCalls(30, 1000).map((one) => ofTenant(one, 'restore'))
      await store.write(stored.toReversed(), [])
      await store.write(stored.slice(10, 20), [])
      const mine = stored.map((one) => one.event).filter((event) => event.data.agent.id === 'agent-3')
      const last = mine.at(-1)
      if (last === undefined) throw new Error('agent-3 has events')
      const bound = boundAt(last)
      const restored = await store.history([bound, boundAt({ ...last, tenant: 'nobody' })], HOUR_MS)
      expect([...restored.keys()]).toEqual([bound.key])
      expect(restored.get(bound.key)?.map(({ agentHour: _hour, ...event }) => event)).toEqual(mine.slice(0, -1))
    })

    test('restores nothing that its own origin brings later, nor what another origin brought after the bound', async () => {
      const at = (id: string, origin: string, position: number, seconds: number) =>
        toolEvent({}, { tenant: 'bounds', id, origin, position, timeMs: T0_MS + 1000 * seconds })
      const events = [
        at('long-ago', 'one', 1, -7200),
        at('before', 'one', 10, 1),
        at('after', 'one', 30, 2),
        at('elsewhere-before', 'two', 999, 3),
        at('elsewhere-after', 'two', 1000, 60),
      ]
      await store.write(
        events.map((event) => judgedEvent(event)),
        [],
      )
      const bound = boundAt(at('now', 'one', 20, 30))
      const restored = await store.history([bound], HOUR_MS)
      expect(restored.get(bound.key)?.map((event) => event.id)).toEqual(['before', 'elsewhere-before'])
    })

    test('restores a thousand sessions at once, whatever their names hold', async () => {
      const names = [
        "it's",
        'tab\there',
        'back\\slash',
        'line\nbreak',
        'ünïcödé 🙂',
        '{x:String}',
        '%41',
        'sep\u001fhere',
        '\u0000',
      ]
      const events = Array.from({ length: 1000 }, (_, index) =>
        toolEvent(
          { agent: { id: `agent ${index}` }, session: { id: `${names[index % names.length]}-${index}` } },
          { tenant: 'names', id: `named-${index}`, position: index },
        ),
      )
      await store.write(
        events.map((event) => judgedEvent(event)),
        [],
      )
      const bounds = events.map((event) => boundAt({ ...event, position: 5000 }))
      const restored = await store.history(bounds, HOUR_MS)
      expect(restored.size).toBe(1000)
      expect(events.every((event) => restored.get(sessionKeyOf(event))?.[0]?.id === event.id)).toBe(true)
    })

    test('names the sessions of late, and says when they are too many to name', async () => {
      const at = (session: string, hours: number) =>
        toolEvent(
          { session: { id: session } },
          { tenant: 'recent', id: session, timeMs: T0_MS + 48 * HOUR_MS + hours * HOUR_MS },
        )
      const events = [at('long-ago', 0), at('sep\u001fhere', 5), at("it's", 6)]
      await store.write(
        events.map((event) => judgedEvent(event)),
        [],
      )
      const recent = await store.recentSessions(T0_MS + 53 * HOUR_MS, 100)
      expect(recent).toEqual(new Set(events.slice(1).map((event) => sessionKeyOf(event))))
      expect(await store.recentSessions(T0_MS + 53 * HOUR_MS, 1)).toBeUndefined()
    })

    test('says what agents had done in their hour, as each was told of it, up to the bound', async () => {
      const at = (agent: string, position: number, minutes: number, calls: number) => {
        const data = { agent: { id: agent }, session: { id: `${agent}-${position}` } }
        const event = toolEvent(data, {
          tenant: 'hours',
          id: `${agent}-${position}`,
          position,
          timeMs: T0_MS + minutes * 60_000,
        })
        const hour = Math.floor(event.timeMs / HOUR_MS)
        return { ...judgedEvent(event), agentHour: { hour, calls, bytes: 100 * calls, records: calls } }
      }
      const [first, second, late, next] = [at('a', 1, 0, 1), at('a', 2, 20, 2), at('a', 3, 5, 3), at('a', 4, 61, 1)]
      await store.write([first, second, late, next, at('b', 5, 0, 9)], [])
      await store.write([second], [])
      const boundOf = (judged: typeof next, position: number) => {
        const { tenant, data, origin, timeMs } = judged.event
        return { key: agentKey(tenant, data.agent.id), origin, position, timeMs }
      }
      const hours = async (...bounds: ReturnType<typeof boundOf>[]) => [...(await store.agentHours(bounds)).values()]
      expect(await hours(boundOf(late, 4), boundOf(at('nobody', 0, 0, 0), 9))).toEqual([late.agentHour])
      expect(await hours(boundOf(late, 3))).toEqual([second.agentHour])
      expect(await hours(boundOf(late, 5))).toEqual([next.agentHour])
      expect(await hours(boundOf(next, 4))).toEqual([])
      const bound = { ...boundOf(late, 4), key: sessionKeyOf(second.event) }
      expect((await store.history([bound], HOUR_MS)).get(bound.key)?.[0]?.agentHour).toEqual(second.agentHour)
    })

    test('a slow read holds neither a write nor a restore up', async () => {
      let slowDone = false
      const slow = store.query('SELECT count() FROM numbers(200000000) WHERE sipHash64(number) % 7 = 1').finally(() => {
        slowDone = true
      })
      const [one] = judgedCalls(1).map((judged) => ofTenant(judged, 'meanwhile'))
      if (one === undefined) throw new Error('a call has events')
      await store.write([one], [])
      await store.history([boundAt(one.event)], HOUR_MS)
      expect(slowDone).toBe(false)
      await slow
      expect(await count('events', `tenant = 'meanwhile'`)).toBe(1)
    })

    test('reads are read-only, parameters are values and never text of the query', async () => {
      const refused = store.query(`INSERT INTO baselines (tenant) VALUES ('x')`)
      await expect(refused).rejects.toThrow(StoreError)
      const hostile = `x' OR 1 = 1 -- \\`
      const rows = await store.query<{ same: number; many: readonly string[] }>(
        'SELECT {hostile:String} = {again:String} AS same, {many:Array(String)} AS many',
        { hostile, again: hostile, many: [hostile, ''] },
      )
      expect(rows).toEqual([{ same: 1, many: [hostile, ''] }])
    })

    test('says what was refused', async () => {
      await expect(store.insert('no_such_table', [{ a: 1 }])).rejects.toMatchObject({
        name: 'StoreError',
        code: 'refused',
      })
      await expect(store.query('SELECT nonsense')).rejects.toMatchObject({ name: 'StoreError', code: 'refused' })
    })
  })
}

function withSignal(judged: Judged, does: boolean): Judged {
  if (!does) return judged
  const by = { kind: 'detector', id: 'unusual-sequence' } as const
  const signals = [
    { by, strength: 6, tail: 0.001, evidence: 3, reasons: [{ what: 'w', observed: 'o', expected: 'e' }] },
  ]
  return { ...judged, verdict: { ...judged.verdict, signals, findings: [findingOf(judged)] } }
}

function ofTenant(judged: Judged, tenant: string): Judged {
  return { ...judged, event: { ...judged.event, tenant } }
}

function boundAt(event: Judged['event']): RestoreBound {
  const key: SessionKey = sessionKey(event.tenant, event.data.agent.id, event.data.session.id)
  return { key, origin: event.origin, position: event.position, timeMs: event.timeMs }
}

function deadLetter(position: number, bytes: readonly number[]): Rejected {
  return {
    origin: 'letters',
    position,
    reason: 'schema',
    error: 'op is missing: name the MCP method',
    pointer: '/data/op',
    receivedMs: T0_MS,
    attempts: 1,
    bytes: Uint8Array.from(bytes),
  }
}
