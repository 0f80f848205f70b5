import { defineDetector, type Measure, type Reason } from 'belay'

const LEAST_NATS = 3
/** fewer are an off day */
const LEAST = 3

const UNITS = {
  'session.failed-in-a-row': 'calls that failed one after the other',
  'session.denied': 'calls that were denied in the session',
  'session.errors': 'calls that failed in the session',
} as const satisfies Partial<Record<Measure, string>>

export default defineDetector({
  id: 'error-storm',
  title: 'More failures than the role has',
  description:
    'Errors, denials, time-outs and retries add up beyond what a session of the role has: probing, guessing, or an agent that runs in circles.',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0034.002', 'ASI02', 'ASI08', 'MCP07'],
  knownGaps: [
    'An outage of a server fails everyone at once and looks the same in each session.',
    'Probing that is answered with status ok and an error in the text.',
  ],
  runbook: [
    'Which calls failed, and how do their arguments differ from one to the next?',
    'Look at other agents of the role in the same minutes: an outage hits all of them.',
    'Look at the call that succeeded after the failures.',
  ],
  detect({ event, session, baseline }) {
    if (session.failedInARow === 0 || event.data.result === undefined) return undefined
    let strength = 0
    let reasons: Reason[] | undefined
    const look = (measure: keyof typeof UNITS, value: number): void => {
      if (value < LEAST) return
      const usual = baseline.volume.surprise(measure, value)
      if (usual === undefined || usual.nats < LEAST_NATS) return
      strength = Math.max(strength, usual.nats)
      reasons ??= []
      reasons.push({
        what: UNITS[measure],
        observed: `${value}`,
        expected: `about ${usual.typical}, at most ${usual.highest} for role ${session.role}`,
        support: { sessions: usual.sessions, agents: usual.agents },
      })
    }
    look('session.failed-in-a-row', session.failedInARow)
    look('session.denied', session.denied)
    look('session.errors', session.errors)
    return reasons && { strength, reasons }
  },
})
