import { IsolationForest } from 'ml-isolation-forest'
import { FlatForest } from './flat-forest.ts'

/** Smaller trees and fewer than the 100 of 256 of the paper: scoring is on the path of every call. */
export const TREES = 32
export const SAMPLE = 256

export type Points = readonly (readonly number[])[]

/**
 * Grows each tree from its own sample, drawn evenly from all points; the same points give the same forest. The library
 * splits on features that never vary too, which only wastes depth, so it is not shown them.
 */
export function trainForest(points: Points, trees = TREES, sample = SAMPLE): FlatForest {
  const columns = varyingColumns(points)
  const shown = points.map((point) => columns.map((column) => point[column] ?? 0))
  const random = createRandom(points.length)
  const size = Math.min(sample, shown.length)
  const forests = Array.from({ length: trees }, () => {
    const forest = new IsolationForest({ nEstimators: 1 })
    const drawn = Array.from(
      { length: size },
      (_, i) => shown[Math.floor(((i + random()) * shown.length) / size)] ?? [],
    )
    withRandom(random, () => forest.train(drawn))
    return forest
  })
  return FlatForest.of(forests, columns)
}

function varyingColumns(points: Points): readonly number[] {
  const [first = []] = points
  const columns = [...first.keys()].filter((column) => points.some((point) => point[column] !== first[column]))
  return columns.length > 0 ? columns : [0]
}

/**
 * The library draws from Math.random. What is learnt must follow from what it was learnt from, so that two runs of the
 * job give one version; training is synchronous, and nothing else draws meanwhile.
 */
function withRandom(random: () => number, work: () => void): void {
  const own = Math.random
  Math.random = random
  try {
    work()
  } finally {
    Math.random = own
  }
}

/** mulberry32 */
function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}
