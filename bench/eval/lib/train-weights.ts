import { BESIDE, COMMON_NATS } from '../../../src/detect/verdict.ts'
import { WEIGHTS } from '../../../src/detect/weights.ts'
import type { JudgedSession } from './agent-sets.ts'
import { untilInjected } from './hijack-figures.ts'

const MOST_NATS = 10
const ROUNDS = 3_000
const STEP = 0.05
/** how strongly weights are drawn to the reviewed ones: what the data says nothing of stays as a person left it */
const PRIOR = 1

/**
 * Weights by logistic regression of hijacked (up to the injected call) against benign and resisted sessions on their
 * fused evidence, as verdict.ts fuses it, classes balanced, weights kept non-negative by projection and drawn to the
 * reviewed ones by a Gaussian prior. Projected subgradient descent; scaled so that the largest is 1.
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
      const { nats, largest } = fuse(weights, row)
      const error = (1 / (1 + Math.exp(-nats - bias)) - (targets[i] ?? 0)) * (balance[i] ?? 0)
      biasGradient += error
      for (const [d, surprise] of row.entries())
        gradient[d] = (gradient[d] ?? 0) + error * surprise * (d === largest ? 1 : BESIDE)
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

function fuse(weights: readonly number[], row: readonly number[]): { readonly nats: number; readonly largest: number } {
  let sum = 0
  let most = 0
  let largest = -1
  for (const [d, surprise] of row.entries()) {
    const nats = surprise * (weights[d] ?? 0)
    sum += nats
    if (nats <= most) continue
    most = nats
    largest = d
  }
  return { nats: most + BESIDE * (sum - most), largest }
}
