import { fleetFigures, judgeFleets, playFleets } from './lib/fleet-figures.ts'
import { ATTACKS, type Truth } from './lib/fleet-world.ts'
import { figuresOf } from './lib/hijack-figures.ts'
import { agentSets, knownDetectors, OTHER, plainOf, SETS, weightsBySet } from './lib/labelled-sets.ts'
import type { Evaluation, Figures, Progress } from './main.ts'

/** What each detector adds: every table without it, and with those that are off by default. */
export const evaluation: Evaluation = {
  about: 'each detector that says anything removed in turn, optional ones added, on labelled sessions and on fleets',
  async run({ data, progress }) {
    const known = await knownDetectors()
    return { agents: await ofAgents(data, known.optional, progress), fleets: await ofFleets(known.optional, progress) }
  },
}

type Ablation = Readonly<Record<string, Figures>>

async function ofAgents(data: string, optional: readonly string[], progress: Progress): Promise<Figures> {
  const sets = agentSets(data)
  const weights = await weightsBySet(sets)
  const tables: Record<string, Ablation> = {}
  for (const name of SETS) {
    const own = { weights: weights[OTHER[name]] }
    const whole = await plainOf(sets[name], own)
    const heard = new Set(whole.flatMap(({ steps }) => steps.flatMap(({ surprises }) => [...surprises.keys()])))
    const table: Record<string, Figures> = { all: figuresOf(whole) }
    for (const id of [...heard].sort())
      table[`without ${id}`] = figuresOf(await plainOf(sets[name], { ...own, disabled: [id] }))
    for (const id of optional) table[`with ${id}`] = figuresOf(await plainOf(sets[name], { ...own, enabled: [id] }))
    tables[name] = tell(name, table, progress)
  }
  return tables
}

async function ofFleets(optional: readonly string[], progress: Progress): Promise<Figures> {
  const fleets = playFleets()
  const figuresWith = async (detection: object): Promise<Figures> => {
    const { alerted, contained, false_alarms_per_1000 } = fleetFigures(fleets, await judgeFleets(fleets, detection))
    const found = [...ATTACKS].map((truth): [Truth, number] => [truth, alerted[truth] ?? 0])
    return {
      ...Object.fromEntries(found),
      'new team': alerted['new team'],
      contained_usual: contained.usual,
      false_alarms_per_1000,
    }
  }
  const heard = Object.keys(fleetFigures(fleets, await judgeFleets(fleets)).detectors)
  const table: Record<string, Figures> = { all: await figuresWith({}) }
  for (const id of heard.sort()) {
    if (id.endsWith(')')) continue
    table[`without ${id}`] = await figuresWith({ disabled: [id] })
  }
  for (const id of optional) table[`with ${id}`] = await figuresWith({ enabled: [id] })
  return tell('fleets, of 1,000', table, progress)
}

/** As a Markdown table; what is as with all of them is left empty. */
function tell(title: string, table: Ablation, progress: Progress): Ablation {
  const { all = {}, ...others } = table
  const columns = Object.keys(all).filter((key) => typeof all[key] === 'number')
  const row = (name: string, cells: readonly unknown[]): string => `| ${name} | ${cells.join(' | ')} |`
  progress(row(title, columns))
  progress(`|---|${columns.map(() => '---|').join('')}`)
  progress(
    row(
      'all',
      columns.map((key) => all[key]),
    ),
  )
  for (const [name, figures] of Object.entries(others))
    progress(
      row(
        name,
        columns.map((key) => (figures[key] === all[key] ? '' : figures[key])),
      ),
    )
  return table
}
