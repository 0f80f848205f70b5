import { Queue, Worker } from 'bullmq'
import { type LearnInput, type LearnSettings, learnFromStore } from '../../baseline/learn.ts'
import type { Snapshot } from '../../baseline/snapshot.ts'
import type { Engine } from '../../detect/engine.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { calibrator, callDescriber } from './judge.ts'
import { redisPrefix, redisUrl } from './redis.ts'

export interface LearnContext {
  readonly store: Pick<Store, 'query' | 'command'>
  readonly engine: Engine
  readonly nowMs: number
  readonly only?: LearnInput['only']
  /** of refsKeyId; kept in the snapshots */
  readonly refsKey?: string | undefined
  readonly progress?: (done: number, total: number, what: string) => void
}

/** One run of the learn job, over everything settled that the store holds. */
export function learnOnce(
  config: Config,
  { store, engine, nowMs, refsKey, progress, only }: LearnContext,
): Promise<readonly Snapshot[]> {
  const describeCalls = callDescriber(config, engine)
  return learnFromStore({
    store,
    nowMs,
    calibrate: calibrator(config, engine),
    ...(describeCalls && { describeCalls }),
    settings: learnSettings(config),
    ...(refsKey !== undefined && { refsKey }),
    ...(progress && { progress }),
    ...(only && { only }),
  })
}

function learnSettings({ baselines, detection }: Config): Partial<LearnSettings> {
  return {
    settleMs: baselines.settleMinutes * 60_000,
    windowDays: baselines.historyDays,
    minSessions: baselines.minimumSessions,
    minAgents: baselines.minimumAgents,
    budgets: {
      alerts: detection.falseAlertsPerSession,
      stepUps: detection.falseStepUpsPerSession,
      containments: detection.falseContainmentsPerSession,
    },
    timeZoneOf: (_tenant, role) => baselines.timeZones[role] ?? baselines.timeZone,
    parentOf: (_tenant, role) => baselines.parents[role],
  }
}

/** Runs `run` at start and then every interval, never twice at once and never beside another process's run. */
export interface Leader {
  stop(): Promise<void>
}

export function startLeader(settings: Settings, run: () => Promise<void>, onError: (error: unknown) => void): Leader {
  const everyMs = settings.config.baselines.learnEveryMinutes * 60_000
  const { redis } = settings.config
  return redis
    ? scheduledLeader({ url: redisUrl(settings, redis), prefix: redisPrefix(redis), everyMs }, run, onError)
    : localLeader(everyMs, run, onError)
}

function localLeader(everyMs: number, run: () => Promise<void>, onError: (error: unknown) => void): Leader {
  let running = Promise.resolve()
  let isRunning = false
  const tick = (): void => {
    if (isRunning) return
    isRunning = true
    running = run()
      .catch(onError)
      .finally(() => {
        isRunning = false
      })
  }
  tick()
  const timer = setInterval(tick, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

/** Calibration keeps the thread busy, and a lock that is not renewed meanwhile would hand the job to another process. */
const LOCK_MS = 600_000

interface Schedule {
  readonly url: string
  readonly prefix: string
  readonly everyMs: number
}

/** Every process has a worker; the queue's one job and its concurrency of one make a single leader of them. */
function scheduledLeader(
  { url, prefix, everyMs }: Schedule,
  run: () => Promise<void>,
  onError: (error: unknown) => void,
): Leader {
  const queue = new Queue('learn', { prefix, connection: { url } })
  const connection = { url, maxRetriesPerRequest: null }
  const worker = new Worker('learn', () => run(), { prefix, connection, lockDuration: LOCK_MS })
  queue.on('error', onError)
  worker.on('error', onError)
  worker.on('failed', (_job, error) => onError(error))
  const scheduled = queue
    .setGlobalConcurrency(1)
    .then(() =>
      queue.upsertJobScheduler('learn', { every: everyMs }, { opts: { removeOnComplete: 10, removeOnFail: 10 } }),
    )
    .catch(onError)
  return {
    async stop() {
      await scheduled
      await worker.close()
      await queue.close()
    },
  }
}
