import { order } from '../src/testing/orders.ts'
import { startBelay } from './lib/belay.ts'
import { Child } from './lib/child.ts'
import { percentile, round } from './lib/meter.ts'
import type { Rate, RateAnswer } from './lib/rate-load-child.ts'
import type { Benchmark } from './main.ts'

const LEASES = 10_000
const LOAD = { perSecond: 2_000, seconds: 15, warmUpSeconds: 3 }

export const benchmark: Benchmark = {
  about: `GET /v1/decisions at ${LOAD.perSecond}/s with ${LEASES} leases in force, embedded; limit p99 5 ms`,
  async run(progress) {
    const belay = await startBelay(progress, { containment: { budget: { sessionsFloor: LEASES } } })
    const child = new Child<RateAnswer>(new URL('lib/rate-load-child.ts', import.meta.url))
    try {
      progress(`placing ${LEASES} leases`)
      const { desk } = belay.instance.parts.dispatch
      const orders = Array.from({ length: LEASES }, (_, at) =>
        order({ target: { kind: 'session', id: `session-${2 * at}` }, issuedMs: Date.now() }),
      )
      for (let from = 0; from < LEASES; from += 500) await desk.place(orders.slice(from, from + 500))
      const task: Rate = { url: belay.instance.url, ...LOAD, requests: { kind: 'decisions', sessions: LEASES } }
      progress('asking')
      const cpu = process.cpuUsage()
      const { latencies, statuses } = await child.run(task)
      const { user, system } = process.cpuUsage(cpu)
      return {
        work: `${latencies.length} decisions, client in a process beside it`,
        leases: LEASES,
        requests_per_s: LOAD.perSecond,
        p50_ms: round(percentile(latencies, 0.5), 2),
        p99_ms: round(percentile(latencies, 0.99), 2),
        max_ms: round(Math.max(...latencies), 1),
        statuses,
        cpu_s_per_1000: round((user + system) / 1e6 / ((LOAD.perSecond * LOAD.seconds) / 1_000), 3),
        rss_mb: round(process.memoryUsage().rss / 1e6),
      }
    } finally {
      await child.end()
      await belay.end()
    }
  },
}
