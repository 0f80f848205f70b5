import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JudgedSession, judgeSet, withoutContent } from './lib/agent-sets.ts'
import { figuresOf, risksOf } from './lib/hijack-figures.ts'
import {
  type AgentSet,
  agentSets,
  OTHER,
  plainOf,
  SETS,
  type SetName,
  type WeightsById,
  weightsBySet,
} from './lib/labelled-sets.ts'
import { rocOf } from './lib/roc.ts'
import type { Evaluation, Figures, Progress } from './main.ts'

/** Hijacked sessions of real agents: each set judged with the weights that the other set gives. */
export const evaluation: Evaluation = {
  about: 'hijacked, resisted and benign sessions; weights of each set are trained on the other one',
  async run({ data, progress, plot }) {
    const sets = agentSets(data)
    const weights = await weightsBySet(sets)
    const figures: Record<string, unknown> = {}
    for (const name of SETS) {
      figures[`${name}_shipped_weights`] = told(
        progress,
        `${name}, shipped weights`,
        figuresOf(await plainOf(sets[name])),
      )
      figures[name] = await evaluateSet(name, sets[name], weights[OTHER[name]], progress, plot)
    }
    return { weights, ...figures }
  },
}

function told(progress: Progress, what: string, figures: Figures): Figures {
  progress(`${what}: ${JSON.stringify(figures)}`)
  return figures
}

async function evaluateSet(
  name: SetName,
  set: AgentSet,
  weights: WeightsById,
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
  const hijacked = risksOf(plain.filter(({ label }) => label.label === 'hijacked'))
  const benign = risksOf(plain.filter(({ label }) => label.label === 'benign'))
  const spared = plain.filter(({ label }) => label.label !== 'hijacked')
  const unmoved = spared.filter(({ label }) => label.first_injected_event === null)
  plot(`agents-${name}`, `${name}, plain: risk of a session`, [
    { name: 'hijacked against benign', points: rocOf(benign, hijacked) },
    { name: 'hijacked against benign and resisted', points: rocOf(risksOf(spared), hijacked) },
    { name: 'the same without resisted that made the injected call', points: rocOf(risksOf(unmoved), hijacked) },
  ])
  return {
    plain: own,
    ...(unseen.length > 0 && { plain_unseen_tasks: tell('plain, unseen tasks', unseen) }),
    test,
    content_dropped_refs: without.refs,
    content_dropped_values: without.values,
  }
}
