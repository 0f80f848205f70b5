import { join } from 'node:path'
import { seeded } from '../../scripts/fixtures/world.ts'
import { NGrams } from '../../src/baseline/ngrams.ts'
import { measure, round } from '../lib/meter.ts'
import { readZip } from './lib/archive.ts'
import { setFolder } from './lib/data.ts'
import { aucOf, rocOf, truePositivesAt } from './lib/roc.ts'
import { RunningQuantile } from './lib/running-quantile.ts'
import type { Evaluation, Figures } from './main.ts'

/** Longer than the product's own order: system calls say less each than tool calls do. */
const ORDER = 10
/** only what scores below this quantile of the scores so far is learnt */
const GUARD = 0.9
const SEED = 7

type Sequence = readonly number[]

/** The sequence profile's n-grams on system calls of a Linux host: ADFA-LD (Creech and Hu 2013). */
export const evaluation: Evaluation = {
  about: 'n-grams trained on the 833 clean traces of ADFA-LD only, then learning online with and without a guard',
  async run({ data, progress, plot }) {
    const files = readZip(join(setFolder(data, 'adfa'), 'ADFA-LD.zip'))
    const traces = (folder: string): readonly Sequence[] =>
      [...files].filter(([name]) => name.includes(`/${folder}/`) && name.endsWith('.txt')).map(([, file]) => read(file))
    const training = traces('Training_Data_Master')
    const clean = traces('Validation_Data_Master')
    const attacks = traces('Attack_Data_Master')
    progress(`${training.length} training, ${clean.length} clean and ${attacks.length} attack traces`)

    const fixed = trained(training)
    const scores = (of: readonly Sequence[]): number[] => of.map((trace) => meanNats(fixed, trace))
    const trainedOnly = { clean: scores(clean), attacks: scores(attacks) }
    const tokens = [...clean, ...attacks].reduce((sum, { length }) => sum + length, 0)
    const again = await measure(() => {
      for (const trace of [...clean, ...attacks]) meanNats(fixed, trace)
    })
    progress('trained only: done; now online')
    const guarded = online(training, clean, attacks, GUARD)
    const unguarded = online(training, clean, attacks, Number.POSITIVE_INFINITY)
    plot('adfa', 'ADFA-LD, mean surprise of a trace', [
      { name: 'trained on the 833 only', points: rocOf(trainedOnly.clean, trainedOnly.attacks) },
      { name: 'learning online, guarded', points: rocOf(guarded.clean, guarded.attacks) },
      { name: 'learning online from everything', points: rocOf(unguarded.clean, unguarded.attacks) },
    ])
    return {
      set: `ADFA-LD: ${training.length} training, ${clean.length} clean, ${attacks.length} attacks`,
      order: ORDER,
      trained_only: figuresOf(trainedOnly),
      tokens_per_cpu_s: round(tokens / again.cpuS),
      guarded_online: figuresOf(guarded),
      unguarded_online: figuresOf(unguarded),
    }
  },
}

interface Scores {
  readonly clean: readonly number[]
  readonly attacks: readonly number[]
}

function figuresOf({ clean, attacks }: Scores): Figures {
  const at = (share: number): number => round(truePositivesAt(clean, attacks, share), 3)
  return { auc: round(aucOf(clean, attacks), 4), 'tpr@0.01': at(0.01), 'tpr@0.05': at(0.05), 'tpr@0.1': at(0.1) }
}

function read(file: Buffer): Sequence {
  return file.toString('latin1').trim().split(/\s+/).map(Number)
}

function trained(training: readonly Sequence[]): NGrams {
  const ngrams = new NGrams(ORDER)
  for (const trace of training) learn(ngrams, trace)
  return ngrams
}

function learn(ngrams: NGrams, trace: Sequence): void {
  let context = ngrams.start
  for (const call of trace) context = ngrams.learn(context, call)
}

function meanNats(ngrams: NGrams, trace: Sequence): number {
  let context = ngrams.start
  let nats = 0
  for (const call of trace) {
    nats += ngrams.nats(context, call)
    context = ngrams.next(context, call)
  }
  return nats / trace.length
}

/** Clean and attack traces as one stream in a seeded order: each is scored, then learnt if it scores below the guard. */
function online(
  training: readonly Sequence[],
  clean: readonly Sequence[],
  attacks: readonly Sequence[],
  guard: number,
): Scores {
  const ngrams = trained(training)
  const soFar = new RunningQuantile()
  const scores: { clean: number[]; attacks: number[] } = { clean: [], attacks: [] }
  const random = seeded(SEED)
  const stream = [
    ...clean.map((trace) => ({ trace, to: scores.clean, at: random.next() })),
    ...attacks.map((trace) => ({ trace, to: scores.attacks, at: random.next() })),
  ].sort((a, b) => a.at - b.at)
  for (const { trace, to } of stream) {
    const nats = meanNats(ngrams, trace)
    to.push(nats)
    if (guard > 1 || nats < soFar.at(guard)) learn(ngrams, trace)
    soFar.add(nats)
  }
  return scores
}
