import { monitorEventLoopDelay } from 'node:perf_hooks'
import { SECRET } from '../test/dispatch/receiver.ts'
import { type BenchInstance, startBelay } from './lib/belay.ts'
import { openBroker, TOPICS } from './lib/broker.ts'
import { Child } from './lib/child.ts'
import type { Answer, Listen, Publish } from './lib/kafka-load-child.ts'
import { percentile, round } from './lib/meter.ts'
import type { Benchmark } from './main.ts'

const LOADED = { perSecond: 1_000, attacksPerSecond: 5, seconds: 40, warmUpSeconds: 10 }
const IDLE = { perSecond: 10, attacksPerSecond: 2, seconds: 25, warmUpSeconds: 5 }
/** In the scenario, the request that pays the attacker. */
const TRIGGER = 2

export const benchmark: Benchmark = {
  about: `event published to Kafka until the signed callback is answered, ${LOADED.perSecond} events/s, store on; limits p50 10 ms, p99 100 ms`,
  async run(progress) {
    const broker = await openBroker(progress)
    const child = new Child<Answer>(new URL('lib/kafka-load-child.ts', import.meta.url))
    const listen: Listen = { kind: 'listen' }
    const { url = '' } = await child.run(listen)
    const belay = await startBelay(
      progress,
      {
        kafka: { brokers: broker.brokers },
        detection: { mode: 'enforce' },
        containment: { gateways: [{ name: 'gw', url, allowPrivate: true, secrets: [{ env: 'BENCH_SECRET' }] }] },
      },
      { BENCH_SECRET: SECRET },
    )
    const play = async (run: string, load: typeof LOADED): Promise<Answer> => {
      const task: Publish = {
        kind: 'publish',
        brokers: broker.brokers,
        topic: TOPICS.events,
        trigger: TRIGGER,
        run,
        ...load,
      }
      progress(`${run}: ${load.perSecond} events/s and ${load.attacksPerSecond} attacks/s for ${load.seconds} s`)
      const answer = await child.run(task)
      progress(`  ${JSON.stringify(figures(answer))}`)
      return answer
    }
    try {
      const idle = await play('idle', IDLE)
      const stages = await stagesOf(belay)
      const loop = monitorEventLoopDelay({ resolution: 1 })
      loop.enable()
      const loaded = await play('loaded', LOADED)
      return {
        work: `${loaded.published} events of 1 kB, producer and gateway in a process beside it, ${loaded.others} callbacks for other sessions`,
        events_per_s: LOADED.perSecond,
        ...figures(loaded),
        stages_mean_ms: minus(await stagesOf(belay), stages),
        event_loop_late_ms: { p50: round(loop.percentile(50) / 1e6, 1), p99: round(loop.percentile(99) / 1e6, 1) },
        idle: { events_per_s: IDLE.perSecond, ...figures(idle) },
        rss_mb: round(process.memoryUsage().rss / 1e6),
      }
    } finally {
      await child.end()
      await belay.end()
      await broker.kill()
    }
  },
}

function figures({ toCallback, toAcknowledgedByBroker, unanswered }: Answer) {
  return {
    n: toCallback.length,
    p50_ms: round(percentile(toCallback, 0.5), 1),
    p99_ms: round(percentile(toCallback, 0.99), 1),
    max_ms: round(Math.max(...toCallback), 1),
    unanswered,
    of_it_producer_p50_ms: round(percentile(toAcknowledgedByBroker, 0.5), 1),
  }
}

interface Stage {
  readonly sumS: number
  readonly count: number
}

const SUM = /^belay_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)$/gm

async function stagesOf({ instance }: BenchInstance): Promise<ReadonlyMap<string, Stage>> {
  const stages = new Map<string, Stage>()
  const { text } = await instance.parts.metrics.exposition()
  for (const [, what, name = '', value] of text.matchAll(SUM)) {
    const known = stages.get(name) ?? { sumS: 0, count: 0 }
    stages.set(name, what === 'sum' ? { ...known, sumS: Number(value) } : { ...known, count: Number(value) })
  }
  return stages
}

/** Mean time per batch of what happened between two readings. */
function minus(
  after: ReadonlyMap<string, Stage>,
  before: ReadonlyMap<string, Stage>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...after].map(([name, { sumS, count }]) => {
      const { sumS: earlierS, count: earlier } = before.get(name) ?? { sumS: 0, count: 0 }
      return [name, round((1000 * (sumS - earlierS)) / Math.max(1, count - earlier), 2)]
    }),
  )
}
