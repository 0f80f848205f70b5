import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Source } from '../accept/source.ts'
import type { Judged, LeaseChange } from '../model/index.ts'
import type { Effect, PipelineObserver } from '../pipeline.ts'

/** What is only known to the part that owns it, read when /metrics is asked for. */
export interface Readings {
  readonly queueDepth?: () => Promise<{ readonly waiting: number; readonly delayed: number }>
  readonly liveSessions?: () => number
  /** records that wait in Kafka */
  readonly sourceLag?: () => number
  /** baselines by state */
  readonly baselines?: () => Readonly<Record<string, number>>
  /** written rules by state: running, failed */
  readonly rules?: () => Readonly<Record<string, number>>
  /** what waits for each destination */
  readonly forwarding?: () => readonly ForwardReading[]
  /** exceptions of the rules in force, and how many matches each has silenced since the set is */
  readonly exceptions?: () => readonly { readonly title: string; readonly matches: number }[]
  /** groups of correlations that the rules in force gave up for want of room */
  readonly evictedRuleGroups?: () => number
}

export interface ForwardReading {
  readonly name: string
  readonly waiting: number
  readonly oldestMs?: number
  readonly dead: number
  readonly circuit: string
}

export interface Metrics {
  readonly observer: PipelineObserver
  /** the same source, its batches counted */
  counted(source: Source): Source
  leaseChanged(change: LeaseChange): void
  detectorFailed(detector: string): void
  /** one delivery attempt to a gateway */
  delivered(gateway: string, outcome: string, tookMs: number): void
  /** from the event's arrival to the gateway's acknowledgement */
  contained(gateway: string, latencyMs: number): void
  notContained(kind: string): void
  learned(tookMs: number, failed: boolean): void
  /** messages that a destination took, and how long the oldest of them had waited */
  forwarded(destination: string, count: number, lagMs: number): void
  /** messages that did not go: a failed attempt, a refusal, one that waited for too long */
  notForwarded(destination: string, kind: 'failed' | 'refused' | 'expired', count: number): void
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>
}

const STAGE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const LAG_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600]

/** Told of each failed effect; for logs. */
export type FailureSink = (effect: Effect, error: unknown, attempt: number) => void

export function createMetrics(readings: Readings, onFailure: FailureSink, now: () => number): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'belay_' })
  const counters = createCounters(registry)
  registerReadings(registry, readings)
  if (readings.forwarding) registerForwarding([registry], readings.forwarding, now)
  return {
    observer: createObserver(counters, onFailure, now),
    counted: (source) => countedSource(source, counters),
    leaseChanged: ({ lease }) =>
      counters.leases.inc({ level: lease.order.level, state: lease.state, mode: lease.order.mode }),
    detectorFailed: (detector) => counters.detectorErrors.inc({ detector }),
    delivered(gateway, outcome, tookMs) {
      counters.deliveries.inc({ gateway, outcome })
      counters.stage.observe({ stage: 'deliver' }, tookMs / 1000)
    },
    contained: (gateway, latencyMs) => counters.containment.observe({ gateway }, latencyMs / 1000),
    notContained: (kind) => counters.notContained.inc({ kind }),
    learned(tookMs, failed) {
      counters.learnRuns.inc({ outcome: failed ? 'failed' : 'done' })
      counters.stage.observe({ stage: 'learn' }, tookMs / 1000)
    },
    forwarded(destination, count, lagMs) {
      counters.forwarded.inc({ destination }, count)
      counters.forwardLag.observe({ destination }, lagMs / 1000)
    },
    notForwarded: (destination, kind, count) => counters.notForwarded.inc({ destination, kind }, count),
    exposition: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

type Counters = ReturnType<typeof createCounters>

function createCounters(registry: Registry) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name: `belay_${name}`, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: L[] = []) =>
    new Histogram({ name: `belay_${name}`, help, buckets, labelNames, registers })
  return {
    events: counter('events_total', 'Events by source and outcome', ['source', 'outcome']),
    // Never raised by any code path: it is here so that a dashboard can show, and an alert can hold us to, zero.
    dropped: counter('events_dropped_total', 'Events that were neither stored nor dead-lettered: always 0'),
    signals: counter('signals_total', 'Signals by who raised them', ['kind', 'id']),
    findings: counter('findings_total', 'Findings by cause and severity', ['cause', 'severity']),
    orders: counter('orders_total', 'Orders planned by level and mode', ['level', 'mode']),
    leases: counter('lease_changes_total', 'Changes of containments by level, state and mode', [
      'level',
      'state',
      'mode',
    ]),
    deliveries: counter('deliveries_total', 'Delivery attempts by gateway and answer', ['gateway', 'outcome']),
    containment: histogram(
      'containment_seconds',
      'Time from the arrival of the event to the acknowledgement of the gateway',
      LAG_SECONDS,
      ['gateway'],
    ),
    notContained: counter('not_contained_total', 'Containments that are not in effect at a gateway', ['kind']),
    unjudged: counter('unjudged_total', 'Events a detector could not judge for want of a member', ['detector']),
    detectorErrors: counter('detector_errors_total', 'Detectors that threw; they are skipped', ['detector']),
    failures: counter('effect_failures_total', 'Failed attempts of an effect; each is tried again', ['effect']),
    learnRuns: counter('learn_runs_total', 'Runs of the learn job by outcome', ['outcome']),
    forwarded: counter('forward_sent_total', 'Messages that a destination took', ['destination']),
    notForwarded: counter(
      'forward_failures_total',
      'Attempts of a destination that failed, messages that it refused, messages that waited for too long',
      ['destination', 'kind'],
    ),
    forwardLag: histogram(
      'forward_lag_seconds',
      'Time that the oldest message of a batch waited until its destination took it',
      LAG_SECONDS,
      ['destination'],
    ),
    stage: histogram('stage_seconds', 'Time of a stage per batch', STAGE_SECONDS, ['stage']),
    lag: histogram('event_lag_seconds', 'Age of the oldest event of a batch when it was judged', LAG_SECONDS),
    unstored: new Gauge({ name: 'belay_unstored_events', help: 'Events judged and not stored yet', registers }),
  }
}

function registerReadings(registry: Registry, readings: Readings): void {
  const { queueDepth, liveSessions, sourceLag, baselines, rules, exceptions, evictedRuleGroups } = readings
  const registers = [registry]
  if (queueDepth)
    new Gauge({
      name: 'belay_queue_jobs',
      help: 'Deliveries in the queue by state',
      labelNames: ['state'],
      registers,
      async collect() {
        this.reset()
        const depth = await answeredInTime(queueDepth())
        if (depth === undefined) return
        this.set({ state: 'waiting' }, depth.waiting)
        this.set({ state: 'delayed' }, depth.delayed)
      },
    })
  if (liveSessions)
    new Gauge({
      name: 'belay_live_sessions',
      help: 'Sessions in memory',
      registers,
      collect() {
        this.set(liveSessions())
      },
    })
  if (sourceLag)
    new Gauge({
      name: 'belay_source_lag_events',
      help: 'Records that the broker has and that were not judged yet, as of the last fetch',
      registers,
      collect() {
        this.set(sourceLag())
      },
    })
  if (baselines)
    new Gauge({
      name: 'belay_baselines',
      help: 'Baselines by state',
      labelNames: ['state'],
      registers,
      collect() {
        this.reset()
        for (const [state, count] of Object.entries(baselines())) this.set({ state }, count)
      },
    })
  if (rules)
    new Gauge({
      name: 'belay_rules',
      help: 'Written rules by state',
      labelNames: ['state'],
      registers,
      collect() {
        this.reset()
        for (const [state, count] of Object.entries(rules())) this.set({ state }, count)
      },
    })
  if (exceptions)
    new Gauge({
      name: 'belay_rule_exception_matches',
      help: 'Matches that an exception of the rules in force has silenced; one that stays at 0 may not be needed',
      labelNames: ['exception'],
      registers,
      collect() {
        this.reset()
        for (const { title, matches } of exceptions()) this.set({ exception: title }, matches)
      },
    })
  if (evictedRuleGroups)
    new Gauge({
      name: 'belay_rule_groups_evicted',
      help: 'Groups of correlations that the rules in force gave up for want of room',
      registers,
      collect() {
        this.set(evictedRuleGroups())
      },
    })
}

const CIRCUITS = ['closed', 'half-open', 'open'] as const

function registerForwarding(
  registers: Registry[],
  forwarding: () => readonly ForwardReading[],
  now: () => number,
): void {
  const perDestination = (name: string, help: string, of: (reading: ForwardReading) => number) =>
    new Gauge({
      name: `belay_forward_${name}`,
      help,
      labelNames: ['destination'],
      registers,
      collect() {
        this.reset()
        for (const reading of forwarding()) this.set({ destination: reading.name }, of(reading))
      },
    })
  perDestination('waiting', 'Messages that wait for a destination', ({ waiting }) => waiting)
  perDestination('oldest_seconds', 'Age of the oldest message that waits for a destination', ({ oldestMs }) =>
    oldestMs === undefined ? 0 : Math.max(0, now() - oldestMs) / 1000,
  )
  perDestination('dead', 'Messages that a destination refused', ({ dead }) => dead)
  perDestination('circuit', 'State of a destination: 0 closed, 1 half open, 2 open', ({ circuit }) =>
    CIRCUITS.indexOf(circuit as (typeof CIRCUITS)[number]),
  )
}

const READING_TIMEOUT_MS = 1_000

/** Undefined when the part is away: whoever looks at the other figures wants them most just then. */
async function answeredInTime<T>(reading: Promise<T>): Promise<T | undefined> {
  const stop = new AbortController()
  const late = sleep(READING_TIMEOUT_MS, undefined, { signal: stop.signal }).catch(() => undefined)
  // That the part is away is logged and counted by whoever works with it.
  return Promise.race([reading.catch(() => undefined), late]).finally(() => stop.abort())
}

function createObserver(counters: Counters, onFailure: FailureSink, now: () => number): PipelineObserver {
  return {
    judged(judged, tookMs) {
      counters.stage.observe({ stage: 'judge' }, tookMs / 1000)
      counters.unstored.inc(judged.length)
      const oldest = judged.reduce((least, { event }) => Math.min(least, event.receivedMs), Number.POSITIVE_INFINITY)
      if (Number.isFinite(oldest)) counters.lag.observe(Math.max(0, now() - oldest) / 1000)
      for (const one of judged) countVerdict(counters, one)
    },
    done(effect, events, tookMs) {
      counters.stage.observe({ stage: effect }, tookMs / 1000)
      if (effect === 'store') counters.unstored.dec(events)
    },
    failed(effect, error, attempt) {
      counters.failures.inc({ effect })
      onFailure(effect, error, attempt)
    },
  }
}

/** Nearly every event passes through without touching a counter here; those of events are counted per batch. */
function countVerdict(counters: Counters, { verdict, orders }: Judged): void {
  if (verdict.duplicate) return
  for (const { by } of verdict.signals) counters.signals.inc({ kind: by.kind, id: by.id })
  for (const { detector } of verdict.unjudged) counters.unjudged.inc({ detector })
  for (const { activity, cause, severity } of verdict.findings)
    if (activity === 'created') counters.findings.inc({ cause, severity })
  for (const order of orders) counters.orders.inc({ level: order.level, mode: order.mode })
}

function countedSource(source: Source, counters: Counters): Source {
  return {
    name: source.name,
    async *batches(signal) {
      for await (const batch of source.batches(signal)) {
        if (batch.events.length > 0)
          counters.events.inc({ source: source.name, outcome: 'accepted' }, batch.events.length)
        for (const { reason } of batch.rejected)
          counters.events.inc({ source: source.name, outcome: `rejected-${reason}` })
        yield batch
      }
    },
    close: () => source.close(),
  }
}
