import { mean, quantile, standardDeviation } from 'simple-statistics'
import { seeded } from '../scripts/fixtures/world.ts'
import { SERIES_SETTINGS, SeriesScorer } from '../src/baseline/series/series-scorer.ts'
import { liveBytes } from './lib/heap.ts'
import { measure, round } from './lib/meter.ts'
import type { Benchmark } from './main.ts'

const POINTS = 3_000_000
const PEER_POINTS = 20_000
const SCORERS = 2_000
const POINTS_PER_DAY = 288

/** The series scorer against the same comparison, short mean with long mean, over a window held in memory. */
export const benchmark: Benchmark = {
  about: 'points of a number series scored per second, against window statistics by simple-statistics',
  async run(progress) {
    const values = days(POINTS)
    const hourOf = (i: number): number => Math.floor(((i % POINTS_PER_DAY) * 24) / POINTS_PER_DAY)
    let reported = 0
    const pass = (): ReturnType<typeof measure> => {
      const scorer = new SeriesScorer()
      reported = 0
      return measure(() => {
        for (let i = 0; i < POINTS; i++) if (scorer.score(values[i] ?? 0, hourOf(i)) > 0) reported++
      })
    }
    await pass()
    const own = await pass()
    progress(`  ${round(POINTS / own.cpuS)} points per CPU-second`)
    const peer = await measure(() => {
      windowed(values.subarray(0, PEER_POINTS))
    })
    return {
      work: `${POINTS} points in steps of five minutes, with daily rhythm, noise and bursts`,
      points_per_s: round(POINTS / own.wallS),
      points_per_cpu_s: round(POINTS / own.cpuS),
      reported,
      bytes_per_series: bytesPerSeries(values),
      peer: 'simple-statistics over a window of the same length',
      peer_points_per_cpu_s: round(PEER_POINTS / peer.cpuS),
      ratio: round(POINTS / own.cpuS / (PEER_POINTS / peer.cpuS), 1),
    }
  },
}

function days(points: number): Float64Array {
  const random = seeded(3)
  return Float64Array.from({ length: points }, (_, i) => {
    const daily = 50 + 40 * Math.sin((2 * Math.PI * i) / POINTS_PER_DAY)
    const burst = random.next() < 0.0005 ? 300 * random.next() : 0
    return daily + 10 * random.next() + burst
  })
}

function windowed(values: Float64Array): number {
  let strange = 0
  for (let i = SERIES_SETTINGS.longHalfLife; i < values.length; i++) {
    const window = Array.from(values.subarray(i - SERIES_SETTINGS.longHalfLife, i))
    const shift = Math.abs(mean(window.slice(-Math.round(SERIES_SETTINGS.shortHalfLife))) - mean(window))
    if ((values[i] ?? 0) > quantile(window, SERIES_SETTINGS.tailQuantile) || shift > 3 * standardDeviation(window))
      strange++
  }
  return strange
}

function bytesPerSeries(values: Float64Array): number {
  const before = liveBytes()
  const scorers = Array.from({ length: SCORERS }, () => new SeriesScorer())
  for (const scorer of scorers) scorer.score(values[0] ?? 0, 0)
  return round((liveBytes() - before) / scorers.length)
}
