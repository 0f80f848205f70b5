import { callFeatures, defineDetector, FEATURES, isDescribed } from 'belay'

/** Least surprise that is a signal: one clean call in fifty stands out as much. */
const LEAST_NATS = 4
/** features named in the reason */
const NAMED = 3

/** filled anew for every call */
const features = new Float64Array(FEATURES.length)

export default defineDetector({
  id: 'unusual-combination',
  title: 'Call unlike the others in several ways at once',
  description:
    'An isolation forest over what the call and its session are in numbers: none of them may be extreme, but together they set the call apart from the role’s own.',
  needs: [],
  whileLearning: false,
  contains: false,
  isOptional: true,
  model: 'combination',
  tags: ['AML.T0053', 'ASI02', 'ASI10'],
  knownGaps: [
    'It weighs little: on traces of hijacked agents it tells apart less than the detectors that know what they look for.',
    'Calls of tools that only read are not looked at.',
    'Roles with fewer than 100 other calls have no forest.',
  ],
  runbook: [
    'Read the features in the reason: which of them would the task explain?',
    'Look for a second detector on the same session; this one alone asks for attention, not for action.',
  ],
  detect({ event, session, baseline }) {
    const { combination } = baseline
    if (combination === undefined || !isDescribed(session)) return undefined
    callFeatures(event, session, baseline, features)
    const nats = combination.nats(features)
    if (nats < LEAST_NATS) return undefined
    const carriers = combination.carriers(features).slice(0, NAMED)
    const told = (of: 'value' | 'usual'): string =>
      carriers.map((one) => `${one.feature} ${one[of].toPrecision(2)}`).join(', ')
    return {
      strength: nats,
      reasons: [
        {
          what: `\`${session.token}\` as a whole`,
          observed: `${told('value')} (sizes and counts as logarithms, surprises in nats)`,
          expected: `usually ${told('usual')}; one call in ${Math.round(Math.exp(nats))} of role ${session.role} stands out as much`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
