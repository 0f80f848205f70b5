import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { runPipeline } from '../pipeline.ts'
import { createServer } from '../web/server.ts'
import { refuseOpenListener, refuseUselessRoles, type Settings } from './config.ts'
import type { Config } from './config-schema.ts'
import type { Log } from './log.ts'
import { Loops } from './loops.ts'
import { announce } from './parts/announce.ts'
import { exportAudit } from './parts/audit.ts'
import { learnFleets } from './parts/fleet.ts'
import { type Leader, learnOnce, startLeader } from './parts/learn.ts'
import { openParts, type Parts } from './parts.ts'
import { serverParts, urlOf } from './serving.ts'

const REQUESTS_IN_HAND_MS = 5_000
const LEARN_IN_HAND_MS = 5_000
const EXPIRY_SWEEP_MS = 1_000
const AUDIT_MS = 5_000
const APPROVAL_SWEEP_MS = 1_000
const APPROVAL_CLEAN_UP_MS = 3_600_000
const BASELINE_POLL_MS = 15_000

/** A running Belay. */
export interface Instance {
  /** where it listens */
  readonly url: string
  readonly parts: Parts
  /** rejects when the pipeline died; stays pending while all is well */
  readonly died: Promise<never>
  /** Learns from what the store holds and puts it in force, outside the schedule. */
  learnNow(nowMs?: number): Promise<void>
  /** Stops taking, finishes what is in hand, closes. Nothing that was answered 202 is lost. Safe to call twice. */
  stop(): Promise<void>
}

/** Builds all parts, starts those that the process's roles ask for, and listens. */
export async function startInstance(settings: Settings, log: Log): Promise<Instance> {
  refuseOpenListener(settings.config)
  refuseUselessRoles(settings.config)
  const parts = await openParts(settings, log)
  try {
    return await start(parts)
  } catch (error) {
    await parts.close()
    throw error
  }
}

async function start(parts: Parts): Promise<Instance> {
  const { config } = parts.settings
  const has = (role: Config['roles'][number]): boolean => config.roles.includes(role)
  const server = await createServer(serverParts(parts))
  const loops = new Loops(parts.log)
  // Before anything is placed anew: what a crash left between a lease and its delivery is queued now.
  if (has('dispatch')) await parts.dispatch.desk.reconcile()
  // A port that is taken is known before anything runs; what arrives meanwhile waits for the pipeline.
  await server.listen({ host: config.listen.host, port: config.listen.port })
  if (has('score')) loops.run('pipeline', (signal) => pipeline(parts, signal))
  if (has('dispatch')) {
    loops.run('dispatcher', (signal) => parts.dispatch.dispatcher.run(signal))
    loops.run('announcer', (signal) => announce(parts.settings, parts.dispatch.posture, parts.log, signal))
    loops.every('expiry sweep', EXPIRY_SWEEP_MS, async () => void (await parts.dispatch.desk.expire(Date.now())))
    loops.every('approval sweep', APPROVAL_SWEEP_MS, () => parts.dispatch.approvals.sweep())
    loops.every('approval clean-up', APPROVAL_CLEAN_UP_MS, () => parts.dispatch.approvals.forget())
  }
  const { forward } = parts
  if (has('forward') && forward) loops.run('forwarder', (signal) => forward.run(signal))
  if (has('score')) {
    loops.every('baseline poll', BASELINE_POLL_MS, async () => {
      await parts.book.refresh(Date.now())
      await parts.fleetBook.refresh()
    })
    loops.every('rule reload', config.rules.reloadSeconds * 1_000, () => parts.rules.refresh(Date.now()))
  }
  loops.every('audit', AUDIT_MS, async () => {
    parts.audit.checkpoint()
    await exportAudit(parts.audit, parts.store)
  })
  if (has('web')) await parts.exceptions.resume()
  const learnNow = (nowMs = Date.now()) => learn(parts, nowMs)
  const onError = (err: unknown) => parts.log.error({ err }, 'the learn job failed; it runs again at its next turn')
  const leader = has('learn') ? startLeader(parts.settings, () => learnNow(), onError) : undefined
  let stopping: Promise<void> | undefined
  return {
    url: urlOf(server, config),
    parts,
    died: loops.died,
    learnNow,
    stop: () => {
      stopping ??= stop(parts, server, loops, leader)
      return stopping
    },
  }
}

/**
 * In the order of the path: no more requests, then the pipeline drains, then orders, then what they were stored in.
 * Requests in hand are answered by the batch that holds them; while the store is away that never comes, so after a
 * moment the pipeline stops all the same, and they are told to send again.
 */
async function stop(parts: Parts, server: FastifyInstance, loops: Loops, leader: Leader | undefined): Promise<void> {
  const answered = server.close()
  const patience = new AbortController()
  await Promise.race([answered, sleepUnlessAborted(REQUESTS_IN_HAND_MS, patience.signal)])
  patience.abort()
  await loops.stop('pipeline')
  await parts.entrance.close()
  await answered
  // Broken off, the learn job leaves nothing that counts, so it is not worth the time of a stop.
  await Promise.race([leader?.stop(), sleepUnlessAborted(LEARN_IN_HAND_MS, new AbortController().signal)])
  await loops.stopAll()
  await parts.close()
}

async function pipeline(parts: Parts, signal: AbortSignal): Promise<void> {
  const { metrics, entrance, judgeRoom, dispatch, store, settings, forward } = parts
  await runPipeline(
    {
      source: metrics.counted(entrance.source),
      judge: judgeRoom.judge,
      desk: dispatch.desk,
      watch: dispatch.watch,
      verdicts: dispatch.verdicts,
      store,
      ...(forward && { notices: forward.desk }),
      observe: metrics.observer,
      clock: { now: Date.now, sleep: sleepUnlessAborted },
      maxUnstored: settings.config.limits.maxUnstored,
    },
    signal,
  )
}

async function sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    // Aborted: whoever sleeps looks at the signal next.
  }
}

async function learn(
  { settings, store, engine, refsKey, book, fleetBook, metrics, log }: Parts,
  nowMs: number,
): Promise<void> {
  const startedMs = Date.now()
  try {
    const snapshots = await learnOnce(settings.config, { store, engine, refsKey, nowMs })
    await book.publish(snapshots, nowMs)
    await fleetBook.publish(await learnFleets(settings.config, store, nowMs), nowMs)
    metrics.learned(Date.now() - startedMs, false)
    log.debug({ roles: snapshots.length, tookMs: Date.now() - startedMs }, 'learnt')
  } catch (error) {
    metrics.learned(Date.now() - startedMs, true)
    throw error
  }
}
