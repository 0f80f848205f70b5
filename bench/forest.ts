import { IsolationForest } from 'ml-isolation-forest'
import { type Random, seeded } from '../scripts/fixtures/world.ts'
import { FlatForest } from '../src/baseline/forest/flat-forest.ts'
import { SAMPLE, TREES, trainForest } from '../src/baseline/forest/train.ts'
import { collect } from './lib/heap.ts'
import { measure, round } from './lib/meter.ts'
import type { Benchmark } from './main.ts'

const DIMENSIONS = 12
/** the library grows every tree from all points it is given */
const TRAINING = 4_096
const LIBRARY_TREES = 100
const LIBRARY_POINTS = 2_000
const POINTS = 100_000
const ROUNDS = 3

/** Scoring by the flattened forest, against the library whose forest it is. */
export const benchmark: Benchmark = {
  about: 'points scored per second by the flattened isolation forest, against ml-isolation-forest on the same forest',
  async run(progress) {
    const random = seeded(1)
    const training = cloud(random, TRAINING)
    const library = new IsolationForest({ nEstimators: LIBRARY_TREES })
    library.train(training)
    const flat = FlatForest.of([library])
    const points = cloud(random, POINTS)
    const packed = points.map((point) => Float64Array.from(point))
    const some = points.slice(0, LIBRARY_POINTS)
    const expected = library.predict(some)
    const differing = some.filter((point, i) => flat.score(point) !== expected[i]).length
    if (differing > 0) throw new Error(`${differing} of ${some.length} scores differ from the library's own`)

    const theirs = await fastest(() => {
      library.predict(some)
    })
    progress(`  library: ${round(LIBRARY_POINTS / theirs)} points per CPU-second`)
    const ours = await fastest(() => scoreAll(flat, packed))
    const shipped = trainForest(training)
    const product = await fastest(() => scoreAll(shipped, packed))
    return {
      work: `${POINTS} points of ${DIMENSIONS} dimensions, ${LIBRARY_TREES} trees grown from ${TRAINING} points`,
      events_per_cpu_s: round(POINTS / ours),
      peer: 'ml-isolation-forest predict, same forest, equal scores',
      peer_events_per_cpu_s: round(LIBRARY_POINTS / theirs),
      ratio: round(POINTS / ours / (LIBRARY_POINTS / theirs), 1),
      shipped: { trees: TREES, grown_from: SAMPLE, events_per_cpu_s: round(POINTS / product) },
    }
  },
}

/** CPU seconds of the fastest of several rounds. */
async function fastest(work: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    collect()
    least = Math.min(least, (await measure(work)).cpuS)
  }
  return least
}

function scoreAll(forest: FlatForest, points: readonly Float64Array[]): void {
  for (const point of points) forest.score(point)
}

function cloud(random: Random, count: number): number[][] {
  return Array.from({ length: count }, () => Array.from({ length: DIMENSIONS }, () => random.next() ** 2))
}
