import { BESIDE, COMMON_NATS, type Weights } from '../../../src/detect/verdict.ts'
import type { JudgedSession } from './agent-sets.ts'
import { untilInjected } from './hijack-figures.ts'
import { PRIOR } from './weight-priors.ts'

const MOST_NATS = 10
const ROUNDS = 3_000
const STEP = 0.05
/** how strongly weights are drawn to the expected ones: a handful of roles says less of a weight than they do */
const PRIOR_STRENGTH = 1

interface Example {
  /** largest evidence of each detector, nats before weights */
  readonly nats: readonly number[]
  readonly hijacked: 0 | 1
  /** what the example counts: both classes of a set half, all sets the same */
  readonly share: number
}

/**
 * Weights by logistic regression of hijacked sessions (up to the injected call) against benign and resisted ones on
 * their fused evidence, as verdict.ts fuses it. Sets and classes count the same however long they are. Sessions that
 * are labelled resisted although they made the injected call belong to neither side and are left out. A weight is 0 to
 * 1, by projection: an unusual event is never evidence of innocence, and a calibrated nat is worth at most a nat. A
 * Gaussian prior draws them to PRIOR. Projected subgradient descent; two decimals.
 */
export function trainWeights(sets: readonly (readonly JudgedSession[])[], ids: readonly string[]): Weights {
  const examples = sets.flatMap((sessions) => examplesOf(sessions, ids, sets.length))
  const prior = ids.map((id) => PRIOR.detectors[id] ?? PRIOR.default)
  const weights = [...prior]
  let bias = -4
  for (let round = 0; round < ROUNDS; round++) {
    const gradient = weights.map((weight, d) => PRIOR_STRENGTH * (weight - (prior[d] ?? 0)))
    let biasGradient = 0
    for (const { nats, hijacked, share } of examples) {
      const fused = fuse(weights, nats)
      const error = (1 / (1 + Math.exp(-fused.nats - bias)) - hijacked) * share
      biasGradient += error
      for (const [d, surprise] of nats.entries())
        gradient[d] = (gradient[d] ?? 0) + error * surprise * (d === fused.largest ? 1 : BESIDE)
    }
    bias -= STEP * biasGradient
    for (const [d, slope] of gradient.entries()) weights[d] = Math.min(1, Math.max(0, (weights[d] ?? 0) - STEP * slope))
  }
  const detectors = Object.fromEntries(ids.map((id, d) => [id, Math.round((weights[d] ?? 0) * 100) / 100]))
  return { default: PRIOR.default, detectors }
}

function examplesOf(sessions: readonly JudgedSession[], ids: readonly string[], sets: number): readonly Example[] {
  const clear = sessions.filter(({ label }) => label.label === 'hijacked' || label.first_injected_event === null)
  const positives = clear.filter(({ label }) => label.label === 'hijacked').length
  return clear.map((session) => {
    const hijacked = session.label.label === 'hijacked' ? 1 : 0
    const share = 0.5 / sets / (hijacked === 1 ? positives : clear.length - positives)
    return { nats: largestOf(session, ids), hijacked, share }
  })
}

function largestOf(session: JudgedSession, ids: readonly string[]): readonly number[] {
  const steps = untilInjected(session)
  return ids.map((id) => {
    const most = steps.reduce((known, { surprises }) => Math.max(known, surprises.get(id) ?? 0), 0)
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
