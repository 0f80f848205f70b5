import { join } from 'node:path'
import type { Engine } from '../detect/engine.ts'
import type { Store } from '../store/store.ts'
import type { AuditLog } from './audit/log.ts'
import type { Settings } from './config.ts'
import type { Log } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type Door, openDoor } from './parts/accept.ts'
import { openAudit } from './parts/audit.ts'
import { BaselineBook } from './parts/baselines.ts'
import { type DispatchRoom, openDispatch, seedCensus } from './parts/dispatch.ts'
import { type Entrance, openEntrance } from './parts/entrance.ts'
import { ExceptionDesk } from './parts/exceptions.ts'
import { FleetBook } from './parts/fleet.ts'
import { type ForwardRoom, openForward } from './parts/forward.ts'
import { type JudgeRoom, openEngine, openJudge } from './parts/judge.ts'
import { baselineFolder, loadKeys, refsKeyId } from './parts/keys.ts'
import { logFailures, logRules, witnessDispatch } from './parts/observe.ts'
import { RestingError } from './parts/patience.ts'
import { restoreLeases } from './parts/restore-leases.ts'
import { RuleBook } from './parts/rules.ts'
import { openMigratedStore } from './parts/store.ts'

/** Everything of one process, built and connected, nothing running yet. */
export interface Parts {
  readonly settings: Settings
  readonly log: Log
  readonly metrics: Metrics
  readonly store: Store
  readonly engine: Engine
  /** tells the key of destination fingerprints from others */
  readonly refsKey: string
  readonly book: BaselineBook
  readonly fleetBook: FleetBook
  readonly rules: RuleBook
  readonly exceptions: ExceptionDesk
  readonly judgeRoom: JudgeRoom
  readonly dispatch: DispatchRoom
  readonly audit: AuditLog
  /** absent where nothing is forwarded */
  readonly forward?: ForwardRoom
  readonly door: Door
  readonly entrance: Entrance
  /** Closes what was opened, last opened first. Safe after a partial stop. */
  close(): Promise<void>
}

/** Builds the parts that the configuration asks for: a section that is there makes its part a distributed one. */
export async function openParts(settings: Settings, log: Log): Promise<Parts> {
  const opened: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne()
  }
  try {
    return { ...(await open(settings, log, (closeOne) => opened.push(closeOne))), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(
  settings: Settings,
  log: Log,
  opened: (close: () => Promise<void>) => void,
): Promise<Omit<Parts, 'close'>> {
  const { config } = settings
  const keys = loadKeys(settings, baselineFolder(config.data))
  const door = openDoor(config, keys)
  // Metrics read from parts that are opened after them.
  const readings: Partial<Pick<Parts, 'judgeRoom' | 'dispatch' | 'book' | 'rules' | 'entrance' | 'forward'>> = {}
  const metrics = createMetrics(
    {
      queueDepth: async () => (await readings.dispatch?.queue.depth()) ?? { waiting: 0, delayed: 0 },
      liveSessions: () => readings.judgeRoom?.liveSessions() ?? 0,
      baselines: () => readings.book?.states() ?? {},
      rules: () => readings.rules?.counts ?? {},
      exceptions: () => readings.rules?.of()?.silenced ?? [],
      evictedRuleGroups: () => readings.rules?.of()?.evictedGroups ?? 0,
      ...(config.forward.length > 0 && { forwarding: () => readings.forward?.forwarder?.status() ?? [] }),
      ...(config.kafka && { sourceLag: () => readings.entrance?.lag?.() ?? 0 }),
    },
    logFailures(log),
    Date.now,
  )
  const engine = await openEngine(config, {
    threw(detector, err, event) {
      metrics.detectorFailed(detector)
      log.error({ err, detector, event: event.id }, 'a detector threw; it was skipped for this event')
    },
  })

  const store = await openMigratedStore(settings)
  opened(() => store.close())
  const refsKey = refsKeyId(keys)
  const book = new BaselineBook(store, config.baselines.shelfLifeDays, {
    refsKey,
    refused: (err, { role, version }) =>
      log.fatal({ err, role, version }, 'a baseline is of another key; its role is judged as if nothing were learnt'),
  })
  await book.seed(baselineFolder(config.data), Date.now())
  await book.refresh(Date.now())

  const forward = await openForward(settings, { keys, log, metrics })
  if (forward) opened(() => forward.close())
  const audit = openAudit(settings, log)
  opened(async () => audit.close())
  const dispatch = await openDispatch(settings, {
    observe: witnessDispatch({
      log,
      metrics,
      store,
      now: Date.now,
      audit,
      ...(forward && { forward: (findings) => forward.desk.tell(findings) }),
    }),
    async writeChanges(changes) {
      await store.writeLeaseChanges(changes)
      for (const change of changes) metrics.leaseChanged(change)
    },
  })
  opened(() => dispatch.close())
  await seedCensus(store, dispatch.census)
  if (config.redis) {
    const restored = await restoreLeases(store, dispatch.posture, Date.now())
    if (restored > 0) log.warn({ restored }, 'Redis remembered nothing; containments were restored from the history')
  }

  const exceptions = new ExceptionDesk({ settings, store, engine, refsKey, book, log, now: Date.now })
  opened(() => exceptions.close())
  const rules = new RuleBook(config, logRules(log), [], exceptions.filters)
  await rules.refresh(Date.now())
  const judgeRoom = openJudge(config, {
    engine,
    baselineOf: book.of,
    rules: rules.of,
    store,
    restoreFailed(err, sessions) {
      // While the store rests this comes with every batch.
      const level = (err as Error).cause instanceof RestingError ? 'debug' : 'warn'
      log[level]({ err, sessions }, 'sessions could not be restored; judged from here on')
    },
  })
  const fleetBook = new FleetBook(store, judgeRoom.fleets)
  await fleetBook.seed(baselineFolder(config.data), Date.now())
  await fleetBook.refresh()
  await fleetBook.restore(Date.now())
  const entrance = await openEntrance(settings, { door, keys, store, log })
  opened(() => entrance.close())
  Object.assign(readings, { judgeRoom, dispatch, book, rules, entrance, forward })
  return {
    settings,
    log,
    metrics,
    store,
    engine,
    refsKey,
    book,
    fleetBook,
    rules,
    exceptions,
    judgeRoom,
    dispatch,
    audit,
    ...(forward && { forward }),
    door,
    entrance,
  }
}

/** Where the embedded parts of this process keep what must not be lost. */
export function embeddedParts({ config }: Settings): readonly string[] {
  return [
    ...(config.kafka ? [] : ['HTTP ingest feeds the pipeline']),
    ...(config.clickhouse ? [] : [`chDB in ${join(config.data, 'chdb')}`]),
    ...(config.redis ? [] : [`SQLite outbox in ${join(config.data, 'dispatch.db')}`]),
  ]
}
