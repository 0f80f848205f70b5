import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadDetectors } from '../../../src/detect/engine.ts'
import { type Files, filesOf, type JudgedSession, judgeSet, type Label, labelsOf, type Options } from './agent-sets.ts'
import { setFolder } from './data.ts'
import { trainWeights } from './train-weights.ts'

export const SETS = ['office', 'daily'] as const
export type SetName = (typeof SETS)[number]
export const OTHER: Readonly<Record<SetName, SetName>> = { office: 'daily', daily: 'office' }

export interface AgentSet {
  readonly files: Files
  readonly labels: ReadonlyMap<string, Label>
}
export type AgentSets = Readonly<Record<SetName, AgentSet>>

export function agentSets(data: string): AgentSets {
  const folder = setFolder(data, 'agents')
  const setOf = (name: SetName): AgentSet => {
    const at = join(folder, name)
    return { files: filesOf(at), labels: labelsOf(at) }
  }
  return { office: setOf('office'), daily: setOf('daily') }
}

/** The sessions of the set's plain file, judged. */
export async function plainOf({ files, labels }: AgentSet, options: Options = {}): Promise<readonly JudgedSession[]> {
  return (await judgeSet(files, labels, ['plain'], options)).get('plain') ?? []
}

/** Every detector of the box, and those of them that are off by default. */
export async function knownDetectors(): Promise<{
  readonly ids: readonly string[]
  readonly optional: readonly string[]
}> {
  const detectors = await loadDetectors([fileURLToPath(new URL('../../../detectors/', import.meta.url))])
  const optional = detectors.filter(({ isOptional }) => isOptional === true)
  return { ids: detectors.map(({ id }) => id), optional: optional.map(({ id }) => id) }
}

export type WeightsById = Readonly<Record<string, number>>

/** The weights that each set alone gives, by the set that gives them: the other one is judged by them. */
export async function weightsBySet(sets: AgentSets): Promise<Readonly<Record<SetName, WeightsById>>> {
  const { ids, optional } = await knownDetectors()
  const weightsOf = async (name: SetName): Promise<WeightsById> =>
    trainWeights([await plainOf(sets[name], { enabled: optional })], ids).detectors
  return { office: await weightsOf('office'), daily: await weightsOf('daily') }
}
