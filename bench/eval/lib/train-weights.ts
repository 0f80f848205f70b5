import { WEIGHTS } from '../../../src/detect/weights.ts'
import type { JudgedSession } from './agent-sets.ts'
import { untilInjected } from './hijack-figures.ts'

/** what is common is no evidence, as in verdict.ts */
const COMMON_NATS = Math.log(20)
const MOST_NATS = 10
const ROUNDS = 3_000
const STEP = 0.05
/** how strongly weights are drawn to the reviewed ones: what the data says nothing of stays as a person left it */
const PRIOR = 0.02

/**
 * Weights by logistic regression of hijacked (up to the injected call) against benign and resisted sessions on the
 * largest surprise of each detector, classes balanced, weights kept non-negative by projection and drawn to the
 * reviewed ones by a Gaussian prior. Scaled so that the largest is 1.
 */
export function trainWeights(sessions: readonly JudgedSession[]): Readonly<Record<string, number>> {
  const ids = Object.keys(WEIGHTS.detectors)
  const rows = sessions.map((session) => featuresOf(session, ids))
  const targets = sessions.map(({ label }) => (label.label === 'hijacked' ? 1 : 0))
  const positives = targets.filter((target) => target === 1).length
  const balance = targets.map((target) => (target === 1 ? 0.5 / positives : 0.5 / (targets.length - positives)))
  const prior = ids.map((id) => WEIGHTS.detectors[id] ?? WEIGHTS.default)
  const weights = [...prior]
  let bias = -4
  for (let round = 0; round < ROUNDS; round++) {
    const gradient = weights.map((weight, d) => PRIOR * (weight - (prior[d] ?? 0)))
    let biasGradient = 0
    for (const [i, row] of rows.entries()) {
      const error = (1 / (1 + Math.exp(-dot(weights, row) - bias)) - (targets[i] ?? 0)) * (balance[i] ?? 0)
      biasGradient += error
      for (const [d, nats] of row.entries()) gradient[d] = (gradient[d] ?? 0) + error * nats
    }
    bias -= STEP * biasGradient
    for (const [d, slope] of gradient.entries()) weights[d] = Math.max(0, (weights[d] ?? 0) - STEP * slope)
  }
  const largest = Math.max(...weights)
  return Object.fromEntries(ids.map((id, d) => [id, Math.round(((weights[d] ?? 0) / largest) * 100) / 100]))
}

function featuresOf(session: JudgedSession, ids: readonly string[]): readonly number[] {
  return ids.map((id) => {
    let most = 0
    for (const { surprises } of untilInjected(session)) most = Math.max(most, surprises.get(id) ?? 0)
    return Math.min(MOST_NATS, Math.max(0, most - COMMON_NATS))
  })
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (const [i, x] of a.entries()) sum += x * (b[i] ?? 0)
  return sum
}
