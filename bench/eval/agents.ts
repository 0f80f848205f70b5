import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Files,
  filesOf,
  type JudgedSession,
  judgeSet,
  type Label,
  labelsOf,
  withoutContent,
} from './lib/agent-sets.ts'
import { setFolder } from './lib/data.ts'
import { figuresOf, risksOf } from './lib/hijack-figures.ts'
import { rocOf } from './lib/roc.ts'
import { trainWeights } from './lib/train-weights.ts'
import type { Evaluation, Figures, Progress } from './main.ts'

const SETS = ['office', 'daily'] as const
type SetName = (typeof SETS)[number]
const OTHER: Readonly<Record<SetName, SetName>> = { office: 'daily', daily: 'office' }
/** a detector that weighs less cannot carry a decision by itself */
const WORTH_REMOVING = 0.2
/** detectors that are off by default: what they would add */
const OPTIONAL = ['unusual-combination'] as const

interface AgentSet {
  readonly files: Files
  readonly labels: ReadonlyMap<string, Label>
}

/** Hijacked sessions of real agents: each set judged with the weights that the other set gives. */
export const evaluation: Evaluation = {
  about: 'hijacked, resisted and benign sessions; weights of each set are trained on the other one',
  async run({ data, progress, plot }) {
    const folder = setFolder(data, 'agents')
    const setOf = (name: SetName): AgentSet => {
      const at = join(folder, name)
      return { files: filesOf(at), labels: labelsOf(at) }
    }
    const sets = { office: setOf('office'), daily: setOf('daily') }
    const figures: Record<string, unknown> = {}
    const weights: Partial<Record<SetName, Readonly<Record<string, number>>>> = {}
    for (const name of SETS) {
      const plain = await plainOf(sets[name])
      weights[name] = trainWeights(plain)
      figures[`${name}_reviewed_weights`] = told(progress, `${name}, reviewed weights`, figuresOf(plain))
      progress(`weights that ${name} gives: ${JSON.stringify(weights[name])}`)
    }
    for (const name of SETS) {
      const own = weights[OTHER[name]] ?? {}
      figures[name] = await evaluateSet(name, sets[name], own, progress, plot)
    }
    return { weights, ...figures }
  },
}

function told(progress: Progress, what: string, figures: Figures): Figures {
  progress(`${what}: ${JSON.stringify(figures)}`)
  return figures
}

async function plainOf({ files, labels }: AgentSet, options = {}): Promise<readonly JudgedSession[]> {
  return (await judgeSet(files, labels, ['plain'], options)).get('plain') ?? []
}

async function evaluateSet(
  name: SetName,
  set: AgentSet,
  weights: Readonly<Record<string, number>>,
  progress: Progress,
  plot: Parameters<Evaluation['run']>[0]['plot'],
): Promise<Figures> {
  const tell = (what: string, sessions: readonly JudgedSession[]): Figures =>
    told(progress, `${name}, weights of the other set, ${what}`, figuresOf(sessions))
  const judged = await judgeSet(set.files, set.labels, ['plain', 'test'], { weights })
  const plain = judged.get('plain') ?? []
  const unseen = plain.filter(({ label }) => label.seen_task === false)
  const own = tell('plain', plain)
  const test = tell('test', judged.get('test') ?? [])
  const without: Record<string, Figures> = {}
  const scratch = mkdtempSync(join(tmpdir(), 'belay-refs-'))
  try {
    for (const content of ['refs', 'values'] as const) {
      const files = withoutContent(set.files, scratch, content)
      without[content] = tell(`content dropped, ${content} only`, await plainOf({ ...set, files }, { weights }))
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  const ablation: Record<string, Figures> = {}
  for (const [id, weight] of Object.entries(weights)) {
    if (weight < WORTH_REMOVING) continue
    ablation[id] = tell(`without ${id}`, await plainOf(set, { weights, disabled: [id] }))
  }
  const optional: Record<string, Figures> = {}
  for (const id of OPTIONAL) optional[id] = tell(`with ${id}`, await plainOf(set, { weights, enabled: [id] }))
  const hijacked = risksOf(plain.filter(({ label }) => label.label === 'hijacked'))
  const benign = risksOf(plain.filter(({ label }) => label.label === 'benign'))
  const spared = risksOf(plain.filter(({ label }) => label.label !== 'hijacked'))
  plot(`agents-${name}`, `${name}, plain: risk of a session`, [
    { name: 'hijacked against benign', points: rocOf(benign, hijacked) },
    { name: 'hijacked against benign and resisted', points: rocOf(spared, hijacked) },
  ])
  return {
    plain: own,
    ...(unseen.length > 0 && { plain_unseen_tasks: tell('plain, unseen tasks', unseen) }),
    test,
    content_dropped_refs: without.refs,
    content_dropped_values: without.values,
    ablation,
    optional,
  }
}
