import { defineDetector } from 'belay'

/** Least surprise that is a signal: a step that the role takes after this one more often than one time in twenty is none. */
const LEAST_NATS = 3

export default defineDetector({
  id: 'unusual-sequence',
  title: 'Call that does not follow from the ones before',
  description:
    'The next step of the session is improbable after the steps before it, by back-off n-grams over what the role does.',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0053', 'ASI02', 'ASI10'],
  knownGaps: [
    'An attack that keeps to sequences the role uses is not seen.',
    'A role whose every session is different surprises always and therefore never.',
  ],
  runbook: [
    'Read the session from its first call: which result came just before the unusual step?',
    'Compare with a clean session of the role that uses the same tool.',
    'If the step is new but wanted, clear the session so that the next baseline learns it.',
  ],
  detect({ session, baseline }) {
    if (!session.firstOfCall) return undefined
    const step = baseline.sequence.surprise(session.history, session.token)
    if (step.nats < LEAST_NATS) return undefined
    const before = session.history.at(-1)
    const what =
      before === undefined ? `\`${session.token}\` as first step` : `\`${session.token}\` after \`${before}\``
    return {
      strength: step.nats,
      reasons: [
        {
          what,
          observed: `seen in ${step.sessions} of ${step.of} sessions of role ${session.role}`,
          expected: `a step the role takes here; this one has probability ${Math.exp(-step.nats).toPrecision(2)}`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
