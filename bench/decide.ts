import { startBelay } from './lib/belay.ts'
import { Child } from './lib/child.ts'
import { benchEvents, USUAL_AGENTS } from './lib/events.ts'
import { percentile, round } from './lib/meter.ts'
import type { Rate, RateAnswer } from './lib/rate-load-child.ts'
import type { Benchmark } from './main.ts'

const LOAD = { perSecond: 500, seconds: 20, warmUpSeconds: 5 }

export const benchmark: Benchmark = {
  about: `POST /v1/decide at ${LOAD.perSecond}/s, embedded, store on: a request event until its verdict; limit p99 20 ms`,
  async run(progress) {
    const belay = await startBelay(progress)
    const child = new Child<RateAnswer>(new URL('lib/rate-load-child.ts', import.meta.url))
    try {
      const count = LOAD.perSecond * LOAD.seconds
      const task: Rate = {
        url: belay.instance.url,
        ...LOAD,
        requests: { kind: 'decide', events: requestEvents(count) },
      }
      progress('asking')
      const cpu = process.cpuUsage()
      const { latencies, statuses } = await child.run(task)
      const { user, system } = process.cpuUsage(cpu)
      return {
        work: `${latencies.length} request events of 1 kB, ${belay.instance.parts.engine.detectors.length} detectors, client in a process beside it`,
        requests_per_s: LOAD.perSecond,
        p50_ms: round(percentile(latencies, 0.5), 2),
        p99_ms: round(percentile(latencies, 0.99), 2),
        max_ms: round(Math.max(...latencies), 1),
        statuses,
        cpu_s_per_1000: round((user + system) / 1e6 / (count / 1_000), 2),
        rss_mb: round(process.memoryUsage().rss / 1e6),
      }
    } finally {
      await child.end()
      await belay.end()
    }
  },
}

/** As a PEP asks before a call: the request phase of ever new sessions. */
function requestEvents(count: number): string[] {
  const made = benchEvents(3 * count, { startMs: Date.now(), gapMs: 1, run: 'decide', agents: USUAL_AGENTS })
  return made.filter((line) => line.includes('"phase":"request"')).slice(0, count)
}
