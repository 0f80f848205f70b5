import { median } from 'simple-statistics'
import { type CombinationProfile, FEATURES } from '../model/index.ts'
import { FlatForest, type PackedForest } from './forest/flat-forest.ts'
import { type Points, trainForest } from './forest/train.ts'

/** with fewer calls that may change something, nothing is said of combinations */
const LEAST_CALLS = 100

/** What is learnt of the numbers of a role's calls taken together. */
export interface PackedCombination {
  /** in the order in which the forest knows them */
  readonly features: readonly string[]
  readonly medians: readonly number[]
  /** scores that a share of 1, e^-1, e^-2, … of clean calls reach, judged by forests that had not seen them */
  readonly tail: readonly number[]
  /** clean calls behind it */
  readonly calls: number
  readonly forest: PackedForest
}

/**
 * Forests for each fold, grown from the others, and one from all. `folds` are the calls of each fold as baselines
 * describe them that have not seen them. Undefined when there are too few calls.
 */
export function learnCombination(
  folds: readonly Points[],
): { readonly all: PackedCombination; readonly without: readonly PackedCombination[] } | undefined {
  const points = folds.flat()
  if (points.length < LEAST_CALLS) return undefined
  const others = folds.map((_, fold) => folds.filter((_points, other) => other !== fold).flat())
  if (others.some(({ length }) => length === 0)) return undefined
  const forests = others.map((some) => trainForest(some))
  const scores = folds.flatMap((some, fold) => some.map((point) => forests[fold]?.score(point) ?? 0))
  const head = {
    features: FEATURES,
    medians: FEATURES.map((_, column) => median(points.map((point) => point[column] ?? 0))),
    tail: tailOf(scores),
    calls: points.length,
  }
  return {
    all: { ...head, forest: trainForest(points).pack() },
    without: forests.map((forest) => ({ ...head, forest: forest.pack() })),
  }
}

function tailOf(scores: readonly number[]): readonly number[] {
  const descending = [...scores].sort((a, b) => b - a)
  const tail: number[] = []
  for (let share = 1; share * descending.length >= 1; share /= Math.E)
    tail.push(descending[Math.min(descending.length - 1, Math.floor(share * descending.length))] ?? 0)
  return tail
}

/** Undefined when it was learnt of other features than this version has: the next learn run makes a new one. */
export function compileCombination(packed: PackedCombination | undefined): CombinationProfile | undefined {
  if (packed === undefined || packed.features.join() !== FEATURES.join()) return undefined
  const { medians, tail, calls } = packed
  const forest = FlatForest.unpack(packed.forest)
  return {
    calls,
    nats: (features) => natsOf(tail, forest.score(features)),
    carriers(features) {
      const score = forest.score(features)
      const changed = Float64Array.from(features)
      const drops = medians.map((usual, column) => {
        const own = changed[column] ?? 0
        changed[column] = usual
        const drop = score - forest.score(changed)
        changed[column] = own
        return { feature: FEATURES[column] ?? '', value: own, usual, drop }
      })
      return drops.filter(({ drop }) => drop > 0).sort((a, b) => b.drop - a.drop)
    },
  }
}

/** Between the learnt scores by straight lines; beyond the last at the pace of the line before it, by one nat at most. */
function natsOf(tail: readonly number[], score: number): number {
  const above = tail.findIndex((learnt) => score < learnt)
  if (above === 0) return 0
  const last = above < 0 ? tail.length - 1 : above - 1
  const from = tail[last] ?? 0
  const step = above < 0 ? from - (tail[last - 1] ?? 0) : (tail[above] ?? 0) - from
  return last + Math.min(1, (score - from) / Math.max(step, LEAST_STEP))
}

const LEAST_STEP = 1e-6
