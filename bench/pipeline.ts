import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Judged } from '../src/model/index.ts'
import { type Effect, type PipelineObserver, runPipeline } from '../src/pipeline.ts'
import { parseConfig, settingsOf } from '../src/run/config.ts'
import { learnFiles } from '../src/run/learn-files.ts'
import { createLog } from '../src/run/log.ts'
import { baselineFolder } from '../src/run/parts/keys.ts'
import { openParts } from '../src/run/parts.ts'
import { openBroker, produce } from './lib/broker.ts'
import { benchEvents, lastMondayMorning, USUAL_AGENTS } from './lib/events.ts'
import { round } from './lib/meter.ts'
import { HISTORY, quietIo } from './lib/rig.ts'
import type { Benchmark } from './main.ts'

const EVENTS = 200_000
const INSERT_BLOCK = 5_000
const INSERT_EVENTS = 50_000

export const benchmark: Benchmark = {
  about:
    'Kafka to score to chDB and outbox, everything durable, one process with the broker beside it, against inserting alone',
  async run(progress) {
    const data = mkdtempSync(join(tmpdir(), 'belay-bench-'))
    const broker = await openBroker(progress)
    const config = { data, kafka: { brokers: broker.brokers }, detection: { mode: 'enforce' } }
    const settings = settingsOf(parseConfig(JSON.stringify(config), 'bench'), process.env, 'bench')
    progress('learning the fixture roles')
    await learnFiles(settings, quietIo, HISTORY, baselineFolder(data))
    progress(`publishing ${EVENTS} events`)
    const startMs = lastMondayMorning(Date.now())
    await produce(broker, benchEvents(EVENTS, { startMs, gapMs: 5, agents: USUAL_AGENTS }))
    const parts = await openParts(settings, createLog('warn', process.stderr))
    const watch = new Watch()
    const stop = new AbortController()
    watch.onStored = () => stop.abort()
    progress('running')
    await runPipeline(
      {
        source: parts.entrance.source,
        judge: parts.judgeRoom.judge,
        desk: parts.dispatch.desk,
        watch: parts.dispatch.watch,
        store: parts.store,
        observe: watch,
        clock: { now: () => performance.now(), sleep: () => Promise.resolve() },
        maxUnstored: settings.config.limits.maxUnstored,
      },
      stop.signal,
    )
    const { wallS, cpuS } = watch.took()
    progress('inserting alone')
    const insertRate = await insertAlone(watch.sample, (judged) => parts.store.write(judged, []))
    const [counted] = await parts.store.query<{ n: string }>('SELECT count() AS n FROM events')
    await parts.close()
    await broker.kill()
    rmSync(data, { recursive: true, force: true })
    const rate = EVENTS / wallS
    return {
      work: `${EVENTS} events of 1 kB from 12 partitions, ${parts.engine.detectors.length} detectors; ${counted?.n} rows, ${watch.orders} orders`,
      events_per_s: round(rate),
      events_per_cpu_s: round(EVENTS / cpuS),
      share_of_time: {
        decode_and_fetch: round(1 - (watch.spentMs.judge + watch.spentMs.orders) / 1000 / wallS, 2),
        judge: round(watch.spentMs.judge / 1000 / wallS, 2),
        orders: round(watch.spentMs.orders / 1000 / wallS, 2),
        store_beside_them: round(watch.spentMs.store / 1000 / wallS, 2),
        acknowledge_beside_them: round(watch.spentMs.acknowledge / 1000 / wallS, 2),
      },
      peer: `inserting the same rows alone, blocks of ${INSERT_BLOCK}`,
      peer_events_per_s: round(insertRate),
      ratio: round(rate / insertRate, 3),
      rss_mb: round(process.memoryUsage().rss / 1e6),
    }
  },
}

class Watch implements PipelineObserver {
  readonly spentMs = { judge: 0, orders: 0, store: 0, forward: 0, acknowledge: 0 }
  readonly sample: Judged[] = []
  orders = 0
  onStored: () => void = () => {}
  private stored = 0
  private first: { atMs: number; cpu: NodeJS.CpuUsage } | undefined
  private last: { atMs: number; cpu: NodeJS.CpuUsage } | undefined

  judged(judged: readonly Judged[], tookMs: number): void {
    this.first ??= { atMs: performance.now() - tookMs, cpu: process.cpuUsage() }
    this.spentMs.judge += tookMs
    if (this.sample.length < INSERT_EVENTS) this.sample.push(...judged.slice(0, INSERT_EVENTS - this.sample.length))
  }

  done(effect: Effect, count: number, tookMs: number): void {
    this.spentMs[effect] += tookMs
    if (effect === 'orders') this.orders += count
    if (effect !== 'acknowledge') return
    this.stored += count
    if (this.stored < EVENTS) return
    this.last = { atMs: performance.now(), cpu: process.cpuUsage(this.first?.cpu) }
    this.onStored()
  }

  failed(effect: Effect, error: unknown): void {
    throw new Error(`${effect} failed`, { cause: error })
  }

  took(): { wallS: number; cpuS: number } {
    if (this.first === undefined || this.last === undefined) throw new Error('the run did not end')
    return { wallS: (this.last.atMs - this.first.atMs) / 1000, cpuS: (this.last.cpu.user + this.last.cpu.system) / 1e6 }
  }
}

async function insertAlone(
  judged: readonly Judged[],
  write: (rows: readonly Judged[]) => Promise<void>,
): Promise<number> {
  const startedMs = performance.now()
  for (let from = 0; from < judged.length; from += INSERT_BLOCK) await write(judged.slice(from, from + INSERT_BLOCK))
  return judged.length / ((performance.now() - startedMs) / 1000)
}
