import { WEIGHTS } from '../../src/detect/weights.ts'
import { agentSets, knownDetectors, plainOf, SETS } from './lib/labelled-sets.ts'
import { trainWeights } from './lib/train-weights.ts'
import { PRIOR } from './lib/weight-priors.ts'
import { weightsFile } from './lib/weights-file.ts'
import type { Evaluation } from './main.ts'

/** The weights that are shipped, from event and label files. */
export const evaluation: Evaluation = {
  about: 'weights of detectors from the labelled sessions of all sets; with --out they are written there as weights.ts',
  async run({ data, progress, write }) {
    const sets = agentSets(data)
    const { ids, optional } = await knownDetectors()
    const judged = []
    for (const name of SETS) {
      progress(`judging ${name}`)
      judged.push(await plainOf(sets[name], { enabled: optional }))
    }
    const weights = trainWeights(judged, ids)
    write('weights.ts', weightsFile(weights))
    for (const id of ids) {
      const [expected, trained] = [PRIOR.detectors[id] ?? PRIOR.default, weights.detectors[id]]
      if (trained !== expected) progress(`${id}: expected ${expected}, trained ${trained}`)
    }
    const changed = ids.filter((id) => weights.detectors[id] !== WEIGHTS.detectors[id])
    return { sessions: judged.map(({ length }) => length), differ_from_shipped: changed, weights }
  },
}
