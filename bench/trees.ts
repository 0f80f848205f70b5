import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Random, seeded } from '../scripts/fixtures/world.ts'
import { trainForest } from '../src/baseline/forest/train.ts'
import { aucOf } from './eval/lib/roc.ts'
import { HalfSpaceTrees } from './lib/half-space-trees.ts'
import { measure, round } from './lib/meter.ts'
import { jarsOf, outputOf, pythonWith } from './lib/peers.ts'
import type { Benchmark, Figures, Progress } from './main.ts'

const POINTS = 20_000
const DIMENSIONS = 12
const OUTLIERS = 0.01
const SETTINGS = { dimensions: DIMENSIONS, trees: 25, height: 8, window: 250 }
/** random splits fall better or worse: what a model tells apart is the mean over these */
const SEEDS = [1, 2, 3, 4, 5]
const RCF = { group: 'software.amazon.randomcutforest', artifact: 'randomcutforest-core', version: '4.4.0' }
const RCF_TREES = 50
const RCF_SAMPLE = 256
const ROUNDS = 5
const PEERS = fileURLToPath(new URL('./peers/', import.meta.url))

/** Outlier models on the same stream of points: speed per CPU-second, and how well they tell outliers from the rest. */
export const benchmark: Benchmark = {
  about: 'half-space trees and the shipped forest against River, PyOD and AWS Random Cut Forest, on the same points',
  async run(progress) {
    const stream = streamOf(seeded(1))
    const folder = mkdtempSync(join(tmpdir(), 'belay-trees-'))
    const csv = join(folder, 'points.csv')
    writeFileSync(csv, stream.points.map((point) => point.join()).join('\n'))
    try {
      const [own, forest] = [await halfSpace(stream), await shippedForest(stream)]
      progress(`  half-space trees: ${JSON.stringify(own)}`)
      const { river, pyod } = pythonPeers(stream, csv, progress)
      return {
        work: `${POINTS} points of ${DIMENSIONS} dimensions, ${OUTLIERS * 100} % outliers`,
        half_space_trees: own,
        shipped_forest: forest,
        peer: 'River HalfSpaceTrees, same trees, height and window',
        ...(river && {
          river,
          ratio: round(own.points_per_cpu_s / river.points_per_cpu_s, 1),
          auc_at_least_equal: own.auc >= river.auc,
        }),
        ...(pyod && { pyod_isolation_forest: pyod }),
        ...randomCutForest(stream, csv, progress),
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

interface Stream {
  readonly points: readonly (readonly number[])[]
  readonly outlier: readonly boolean[]
}

interface Model {
  readonly points_per_cpu_s: number
  readonly auc: number
}

/** Three habits that move slowly; outliers take some of their numbers from elsewhere. */
function streamOf(random: Random): Stream {
  const centres = Array.from({ length: 3 }, () => Array.from({ length: DIMENSIONS }, () => random.next()))
  const outlier = Array.from({ length: POINTS }, () => random.next() < OUTLIERS)
  const points = outlier.map((isOutlier, i) => {
    const centre = random.pick(centres)
    return centre.map((value, k) => {
      const drift = 0.1 * Math.sin((2 * Math.PI * i) / POINTS + k)
      const usual = value + drift + 0.05 * gaussian(random)
      return isOutlier && random.next() < 0.5 ? 1.4 * random.next() - 0.2 : usual
    })
  })
  return { points: scaled(points), outlier }
}

/** Into 0..1 by the range of the whole stream, as half-space trees ask for; the same points go to every model. */
function scaled(points: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const low = Array.from({ length: DIMENSIONS }, (_, k) => Math.min(...points.map((point) => point[k] ?? 0)))
  const high = Array.from({ length: DIMENSIONS }, (_, k) => Math.max(...points.map((point) => point[k] ?? 0)))
  return points.map((point) => point.map((value, k) => (value - (low[k] ?? 0)) / ((high[k] ?? 1) - (low[k] ?? 0))))
}

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

/** The first window is learnt and not judged. */
function model({ outlier }: Stream, scores: ArrayLike<number>, cpuS: number, points = POINTS): Model {
  const judged = Array.from({ length: POINTS - SETTINGS.window }, (_, i) => i + SETTINGS.window)
  const of = (wanted: boolean): number[] => judged.filter((i) => outlier[i] === wanted).map((i) => scores[i] ?? 0)
  return { points_per_cpu_s: round(points / cpuS), auc: round(aucOf(of(false), of(true)), 4) }
}

async function halfSpace(stream: Stream): Promise<Model> {
  const points = stream.points.map((point) => Float64Array.from(point))
  const models: Model[] = []
  for (const seed of SEEDS) {
    const scores = new Float64Array(POINTS)
    const cpuS = await fastest(() => {
      const trees = new HalfSpaceTrees({ ...SETTINGS, seed })
      for (const [i, point] of points.entries()) scores[i] = trees.update(point)
    })
    models.push(model(stream, scores, cpuS))
  }
  return meanOf(models)
}

/** Of the speeds the fastest, of the areas the mean. */
function meanOf(models: readonly Model[]): Model {
  return {
    points_per_cpu_s: Math.max(...models.map((one) => one.points_per_cpu_s)),
    auc: round(models.reduce((sum, one) => sum + one.auc, 0) / models.length, 4),
  }
}

/** Trained on the first half, as PyOD's is. */
async function shippedForest(stream: Stream): Promise<Model> {
  const forest = trainForest(stream.points.slice(0, POINTS / 2))
  const points = stream.points.map((point) => Float64Array.from(point))
  const scores = new Float64Array(POINTS)
  const cpuS = await fastest(() => {
    for (const [i, point] of points.entries()) scores[i] = forest.score(point)
  })
  return model(stream, scores, cpuS)
}

async function fastest(work: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, (await measure(work)).cpuS)
  return least
}

interface PythonResult {
  readonly cpu_s: number
  readonly points: number
  readonly cpu_s_per_single_point?: number
  readonly scores: readonly number[]
}

function pythonPeers(stream: Stream, csv: string, progress: Progress): { river?: Model; pyod?: Figures } {
  const python = pythonWith(['river', 'pyod'], progress)
  if (python === undefined) return {}
  progress('  River and PyOD')
  const { trees, height, window } = SETTINGS
  const output = outputOf(python, [join(PEERS, 'outliers.py'), csv, `${trees}`, `${height}`, `${window}`, SEEDS.join()])
  const { river, pyod } = JSON.parse(output) as { river: PythonResult[]; pyod: PythonResult }
  return {
    river: meanOf(river.map(({ scores, cpu_s }) => model(stream, scores, cpu_s))),
    pyod: {
      ...model(stream, pyod.scores, pyod.cpu_s),
      one_by_one_per_cpu_s: round(1 / (pyod.cpu_s_per_single_point ?? Number.NaN)),
    },
  }
}

function randomCutForest(stream: Stream, csv: string, progress: Progress): Figures {
  const jars = jarsOf(RCF.group, RCF.artifact, RCF.version, progress)
  if (jars === undefined) return {}
  progress('  AWS Random Cut Forest')
  const program = join(PEERS, 'Outliers.java')
  const [cpuS, ...scores] = outputOf('java', ['-cp', jars, program, csv, `${RCF_TREES}`, `${RCF_SAMPLE}`])
    .trim()
    .split('\n')
    .map(Number)
  return { random_cut_forest: { trees: RCF_TREES, ...model(stream, scores, cpuS ?? Number.NaN) } }
}
