import { type Random, seeded } from '../../scripts/fixtures/world.ts'
import { SERIES_SETTINGS, SeriesScorer, type SeriesSettings } from '../../src/baseline/series/series-scorer.ts'
import { measure, round } from '../lib/meter.ts'
import { setFolder } from './lib/data.ts'
import { type LabelledSeries, rank, readNab, type ScoringProfile, scoreOf } from './lib/nab.ts'
import type { Evaluation, Figures, Progress } from './main.ts'

const HOUR_MS = 3_600_000
const SEED = 11
/** settings drawn for the held-out figures, and ways to halve the series */
const CANDIDATES = 240
const HALVINGS = 5

/** The series scorer on the Numenta Anomaly Benchmark (Lavin and Ahmad 2015), and what its settings owe to it. */
export const evaluation: Evaluation = {
  about:
    'the series scorer on the 58 series of NAB, one fixed set of settings, and with settings found on other series',
  async run({ data, progress }) {
    const { series, profiles } = readNab(setFolder(data, 'nab'))
    const points = series.reduce((sum, { values }) => sum + values.length, 0)
    let scores: readonly Float64Array[] = []
    const took = await measure(() => {
      scores = scored(series, SERIES_SETTINGS)
    })
    const ranked = rank(series, scores)
    const figures = Object.fromEntries(
      Object.entries(profiles).map(([name, profile]) => [name, round(scoreOf(ranked, profile).score, 2)]),
    )
    progress(`fixed settings: ${JSON.stringify(figures)}`)
    const [standard] = Object.values(profiles)
    if (standard === undefined) throw new Error('nab.tar.gz states no scoring profile')
    return {
      set: `NAB: ${series.length} series, ${points} points`,
      ...figures,
      points_per_cpu_s: round(points / took.cpuS),
      held_out: heldOut(series, standard, progress),
    }
  },
}

function scored(series: readonly LabelledSeries[], settings: SeriesSettings): readonly Float64Array[] {
  return series.map(({ values, timesMs }) => {
    const scorer = new SeriesScorer(settings)
    return values.map((value, i) => scorer.score(value, Math.floor((timesMs[i] ?? 0) / HOUR_MS) % 24))
  })
}

/**
 * Standard scores of series that neither the settings nor the threshold were found on: the series of each folder are
 * halved, the best of the drawn settings and its threshold are taken from one half and judged on the other, both ways.
 */
function heldOut(series: readonly LabelledSeries[], profile: ScoringProfile, progress: Progress): Figures {
  const random = seeded(SEED)
  const halves = Array.from({ length: HALVINGS }, (_, n) => halvesOf(series, n === 0 ? undefined : random))
  const best = halves.map(() => [NOTHING, NOTHING] as [Best, Best])
  for (let n = 0; n < CANDIDATES; n++) {
    const scores = scored(series, settingsNear(random))
    for (const [i, pair] of halves.entries())
      for (const side of [0, 1] as const) {
        const found = judged(series, scores, pair[side], profile)
        const trained = best[i]?.[side] ?? NOTHING
        if (found.score <= trained.score || best[i] === undefined) continue
        best[i][side] = { ...found, other: judged(series, scores, pair[1 - side] ?? [], profile, found.threshold) }
      }
    if (n % 40 === 39) progress(`  held out: ${n + 1} of ${CANDIDATES} settings`)
  }
  const pooled = best.map(
    ([a, b]) =>
      (a.other.score * a.other.windows + b.other.score * b.other.windows) / (a.other.windows + b.other.windows),
  )
  return {
    halvings: HALVINGS,
    settings_drawn: CANDIDATES,
    standard: round(pooled[0] ?? Number.NaN, 2),
    standard_mean: round(pooled.reduce((a, b) => a + b, 0) / pooled.length, 2),
    standard_lowest: round(Math.min(...pooled), 2),
  }
}

interface Halved {
  readonly score: number
  readonly threshold: number
  readonly windows: number
}
type Best = Halved & { readonly other: Halved }
const NONE: Halved = { score: Number.NEGATIVE_INFINITY, threshold: 0, windows: 0 }
const NOTHING: Best = { ...NONE, other: NONE }

function judged(
  series: readonly LabelledSeries[],
  scores: readonly Float64Array[],
  half: readonly number[],
  profile: ScoringProfile,
  threshold?: number,
): Halved {
  const some = half.flatMap((i) => series[i] ?? [])
  const ranked = rank(
    some,
    half.flatMap((i) => scores[i] ?? []),
  )
  return { ...scoreOf(ranked, profile, threshold), windows: ranked.windows }
}

/** Indices of every other series of each folder, in the order of their names or, with `random`, in any. */
function halvesOf(series: readonly LabelledSeries[], random?: Random): readonly [readonly number[], readonly number[]] {
  const inOrder = series.map(({ name }, i) => ({ i, folder: name.split('/')[0] ?? '', at: random?.next() ?? i }))
  inOrder.sort((a, b) => (a.folder === b.folder ? a.at - b.at : a.folder < b.folder ? -1 : 1))
  const halves: [number[], number[]] = [[], []]
  let place = 0
  for (const [n, { i, folder }] of inOrder.entries()) {
    place = inOrder[n - 1]?.folder === folder ? place + 1 : 0
    halves[place % 2 === 0 ? 0 : 1].push(i)
  }
  return halves
}

/** Wide around what is plausible, not around what was found best. */
function settingsNear(random: Random): SeriesSettings {
  const between = (low: number, high: number): number => low * (high / low) ** random.next()
  return {
    longHalfLife: between(200, 600),
    shortHalfLife: between(7, 30),
    rangeStep: between(0.004, 0.03),
    tailQuantile: 1 - between(0.001, 0.006),
    tailHalfLife: between(2_000, 8_000),
    hourWeight: between(0.4, 1),
    warmUp: Math.round(between(160, 280)),
    quiet: Math.round(between(40, 120)),
    again: between(1.1, 2),
    least: between(0.5, 0.95),
  }
}
