import { join } from 'node:path'
import { readTarGz } from './archive.ts'

/** One labelled series of the Numenta Anomaly Benchmark. */
export interface LabelledSeries {
  readonly name: string
  readonly timesMs: Float64Array
  readonly values: Float64Array
  /** first and last row of each labelled window */
  readonly windows: readonly (readonly [first: number, last: number])[]
}

/** What a hit, a miss and a false alarm are worth. */
export interface ScoringProfile {
  readonly tpWeight: number
  readonly fnWeight: number
  readonly fpWeight: number
}

export interface Nab {
  readonly series: readonly LabelledSeries[]
  readonly profiles: Readonly<Record<string, ScoringProfile>>
}

export function readNab(folder: string): Nab {
  const files = readTarGz(join(folder, 'nab.tar.gz'))
  const fileOf = (name: string): string => {
    const file = files.get(name)
    if (file === undefined) throw new Error(`nab.tar.gz has no ${name}`)
    return file.toString('utf8')
  }
  const windows = JSON.parse(fileOf('labels/combined_windows.json')) as Record<string, [string, string][]>
  const profiles = JSON.parse(fileOf('config/profiles.json')) as Record<string, { CostMatrix: ScoringProfile }>
  return {
    series: Object.keys(windows)
      .sort()
      .map((name) => labelled(name, fileOf(`data/${name}`), windows[name] ?? [])),
    profiles: Object.fromEntries(Object.entries(profiles).map(([name, { CostMatrix }]) => [name, CostMatrix])),
  }
}

function labelled(name: string, csv: string, windows: readonly (readonly [string, string])[]): LabelledSeries {
  const rows = csv
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))
  const timesMs = Float64Array.from(rows, ([time = '']) => msOf(time))
  return {
    name,
    timesMs,
    values: Float64Array.from(rows, ([, value]) => Number(value)),
    windows: windows.map(([from, to]) => [timesMs.indexOf(msOf(from)), timesMs.indexOf(msOf(to))]),
  }
}

function msOf(time: string): number {
  return Date.parse(`${time.trim().replace(' ', 'T')}Z`)
}

/** share of a series, and most of its points, that are not scored: detectors learn there */
const PROBATION_SHARE = 0.15
const PROBATION_OF_AT_MOST = 5_000

/** Every scored point of every series that was reported, highest score first: what each threshold is judged on. */
export interface Ranked {
  readonly scores: Float64Array
  /** the point's worth, -1..1, before weights */
  readonly worth: Float64Array
  /** number of the window it lies in, or -1 */
  readonly window: Int32Array
  readonly windows: number
}

/** Scores, one per point of each series, in order of height; 0 is no report. */
export function rank(series: readonly LabelledSeries[], scores: readonly Float64Array[]): Ranked {
  const points: { score: number; worth: number; window: number }[] = []
  let base = 0
  for (const [i, one] of series.entries()) {
    const n = one.values.length
    const { worth, window } = worthOf(one)
    const probation = Math.min(Math.floor(PROBATION_SHARE * n), PROBATION_SHARE * PROBATION_OF_AT_MOST)
    for (let row = Math.ceil(probation); row < n; row++) {
      const inWindow = window[row] ?? -1
      const score = scores[i]?.[row] ?? 0
      if (score > 0) points.push({ score, worth: worth[row] ?? 0, window: inWindow < 0 ? -1 : base + inWindow })
    }
    base += one.windows.length
  }
  points.sort((a, b) => b.score - a.score)
  return {
    scores: Float64Array.from(points, ({ score }) => score),
    worth: Float64Array.from(points, ({ worth }) => worth),
    window: Int32Array.from(points, ({ window }) => window),
    windows: base,
  }
}

/**
 * NAB's scaled sigmoid (Lavin and Ahmad 2015): early in a window is worth most, at its end nothing, after it less than
 * nothing the further away, down to -1; before any window -1.
 */
function worthOf({ values, windows }: LabelledSeries): { worth: Float64Array; window: Int32Array } {
  const worth = new Float64Array(values.length).fill(-1)
  const window = new Int32Array(values.length).fill(-1)
  for (const [i, [first, last]] of windows.entries()) {
    const width = last - first + 1
    for (let row = first; row <= last; row++) {
      window[row] = i
      worth[row] = sigmoid((5 * (last - row + 1)) / width) / sigmoid(5)
    }
    const next = windows[i + 1]?.[0] ?? values.length
    for (let row = last + 1; row < next; row++) {
      const past = (row - last) / (width - 1)
      worth[row] = past > 3 ? -1 : sigmoid(-5 * past)
    }
  }
  return { worth, window }
}

function sigmoid(x: number): number {
  return 2 / (1 + Math.exp(-x)) - 1
}

export interface NabScore {
  /** 0 = a detector that never speaks, 100 = a perfect one */
  readonly score: number
  readonly threshold: number
}

/** The best threshold's score of one profile, or the score at a given threshold. */
export function scoreOf(ranked: Ranked, profile: ScoringProfile, threshold?: number): NabScore {
  const { tpWeight, fnWeight, fpWeight } = profile
  const hit = new Map<number, number>()
  let raw = -fnWeight * ranked.windows
  let highest = raw
  let at = Number.POSITIVE_INFINITY
  for (let i = 0; i < ranked.scores.length; i++) {
    const score = ranked.scores[i] ?? 0
    if (threshold !== undefined && score < threshold) break
    const window = ranked.window[i] ?? -1
    const worth = ranked.worth[i] ?? 0
    const known = hit.get(window)
    if (window < 0) raw += fpWeight * worth
    else if (known === undefined) raw += tpWeight * worth + fnWeight
    else if (worth > known) raw += tpWeight * (worth - known)
    if (window >= 0 && (known === undefined || worth > known)) hit.set(window, worth)
    const isLast = ranked.scores[i + 1] !== score
    if (isLast && (threshold !== undefined || raw > highest)) {
      highest = raw
      at = score
    }
  }
  const none = -fnWeight * ranked.windows
  return { score: (100 * (highest - none)) / ((tpWeight + fnWeight) * ranked.windows), threshold: at }
}
