import { expect, test } from 'vitest'
import type { Batch, Source } from '../accept/source.ts'
import type { Judged, Rejected, ToolEvent } from '../model/index.ts'
import { createMetrics } from './metrics.ts'

const NOW_MS = 10_000
const verdict = {
  score: 0,
  risk: 0,
  baseline: 'none',
  signals: [],
  unjudged: [],
  action: 'allow',
  findings: [],
  duplicate: false,
} as const

const judged = (over: object = {}): Judged => ({
  event: { receivedMs: NOW_MS - 500 } as ToolEvent,
  facts: { token: '', firstOfCall: true, parameters: [] },
  agentHour: { hour: 0, calls: 1, bytes: 0, records: 0 },
  verdict: { ...verdict, ...over },
  orders: [],
})

test('counts what the pipeline tells, and shows what is not stored yet', async () => {
  const failures: unknown[] = []
  const metrics = createMetrics(
    { liveSessions: () => 7, evictedRuleGroups: () => 3 },
    (...failure) => failures.push(failure),
    () => NOW_MS,
  )
  const signals = [{ by: { kind: 'detector', id: 'off-hours' }, strength: 1, reasons: [], tail: 0.1, evidence: 1 }]
  metrics.observer.judged([judged(), judged({ signals }), judged({ signals, duplicate: true })], 2)
  metrics.observer.failed('store', new Error('away'), 1)
  const before = (await metrics.exposition()).text
  expect(before).toContain('belay_unstored_events 3')
  expect(before).toContain('belay_rule_groups_evicted 3')
  metrics.observer.done('store', 3, 4)
  const { text } = await metrics.exposition()
  expect(text).toContain('belay_unstored_events 0')
  expect(text).toContain('belay_signals_total{kind="detector",id="off-hours"} 1')
  expect(text).toContain('belay_effect_failures_total{effect="store"} 1')
  expect(text).toContain('belay_event_lag_seconds_bucket{le="0.5"} 1')
  expect(text).toContain('belay_live_sessions 7')
  expect(text).toContain('belay_events_dropped_total 0')
  expect(failures).toHaveLength(1)
})

test('counts what a source brings without touching it', async () => {
  const metrics = createMetrics(
    {},
    () => undefined,
    () => NOW_MS,
  )
  const batch = { events: [judged().event], rejected: [{ reason: 'schema' } as Rejected] } as unknown as Batch
  const source: Source = {
    name: 'kafka',
    async *batches() {
      yield batch
    },
    close: () => Promise.resolve(),
  }
  const seen: Batch[] = []
  for await (const one of metrics.counted(source).batches(new AbortController().signal)) seen.push(one)
  expect(seen).toEqual([batch])
  const { text } = await metrics.exposition()
  expect(text).toContain('belay_events_total{source="kafka",outcome="accepted"} 1')
  expect(text).toContain('belay_events_total{source="kafka",outcome="rejected-schema"} 1')
})

const never = new Promise<never>(() => undefined)

test('a part that cannot be read takes its own figures away and no others', async () => {
  const metrics = createMetrics(
    { queueDepth: () => Promise.reject(new Error('Redis is away')), liveSessions: () => 3 },
    () => undefined,
    Date.now,
  )
  const { text } = await metrics.exposition()
  expect(text).toContain('belay_live_sessions 3')
  expect(text).not.toMatch(/^belay_queue_jobs\{/m)
})

test('a part that does not answer is not waited for', async () => {
  const metrics = createMetrics({ queueDepth: () => never, liveSessions: () => 3 }, () => undefined, Date.now)
  expect((await metrics.exposition()).text).toContain('belay_live_sessions 3')
})
