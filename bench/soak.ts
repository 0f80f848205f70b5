import { setTimeout as delay } from 'node:timers/promises'
import { startBelay } from './lib/belay.ts'
import { Child } from './lib/child.ts'
import { liveBytes } from './lib/heap.ts'
import type { Load, Steady } from './lib/http-load-child.ts'
import { round } from './lib/meter.ts'
import type { Benchmark } from './main.ts'

const MINUTES = Number(process.env.BELAY_SOAK_MINUTES ?? 10)
const PER_SECOND = 1_000
const PER_REQUEST = 20
const MINUTE_MS = 60_000

interface Reading {
  readonly minute: number
  readonly rss_mb: number
  /** after a collection */
  readonly heap_mb: number
  readonly live_sessions: number
}

export const benchmark: Benchmark = {
  about: `memory over ${MINUTES} minutes at ${PER_SECOND} events/s by HTTP into the embedded pipeline, ever new sessions (BELAY_SOAK_MINUTES)`,
  async run(progress) {
    // A session is forgotten after a minute, a contained one too, so that the number of live ones is steady after the
    // second minute and whatever still grows then grows for ever.
    const belay = await startBelay(progress, {
      limits: { sessionIdleMinutes: 1 },
      containment: { leaseMinutes: 1 },
    })
    const client = new Child<Load>(new URL('lib/http-load-child.ts', import.meta.url))
    const readings: Reading[] = []
    const read = (minute: number): void => {
      const { rss } = process.memoryUsage()
      const liveSessions = belay.instance.parts.judgeRoom.liveSessions()
      readings.push({
        minute,
        rss_mb: round(rss / 1e6),
        heap_mb: round(liveBytes() / 1e6),
        live_sessions: liveSessions,
      })
      progress(`  minute ${minute}: ${JSON.stringify(readings.at(-1))}`)
    }
    try {
      const task: Steady = {
        kind: 'steady',
        url: `${belay.instance.url}/v1/events`,
        perRequest: PER_REQUEST,
        perSecond: PER_SECOND,
        seconds: MINUTES * 60,
        run: `soak-${Date.now()}`,
      }
      const sent = client.run(task)
      const startMs = Date.now()
      read(0)
      for (let minute = 1; minute <= MINUTES; minute++) {
        await delay(startMs + minute * MINUTE_MS - Date.now())
        read(minute)
      }
      const load = await sent
      const half = readings.slice(Math.floor(readings.length / 2))
      return {
        work: `${load.events} events in ${load.seconds} s by requests of ${PER_REQUEST}, ${load.refused} refused`,
        events_per_s: round(load.events / load.seconds),
        readings,
        rss_mb: readings.at(-1)?.rss_mb,
        first_rss_mb: readings[1]?.rss_mb,
        rss_slope_mb_per_minute: round(slope(half.map(({ minute, rss_mb }) => [minute, rss_mb])), 2),
        heap_slope_mb_per_minute: round(slope(half.map(({ minute, heap_mb }) => [minute, heap_mb])), 2),
      }
    } finally {
      await client.end()
      await belay.end()
    }
  },
}

/** Least squares: how much y grows per x. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map((point) => point[0])), mean(points.map((point) => point[1]))]
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}
