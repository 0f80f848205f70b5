import { defineDetector } from 'belay'

/** A sum that reaches this by chance does so in one of twenty thousand days. */
const LEAST_NATS = 10

export default defineDetector({
  id: 'slow-drip',
  title: 'A little more every day',
  description:
    'Calls, bytes or records of the agent lie above those of the role, and above its own first days, by a little on many days: none of them is unusual, their sum is.',
  needs: [],
  whileLearning: false,
  contains: false,
  raises: { severity: 'medium' },
  tags: ['AML.T0085.001', 'AML.T0086', 'ASI02', 'ASI10', 'MCP10'],
  knownGaps: [
    'It speaks of days that were learnt: the day at hand counts from the next baseline on.',
    'Work that really grows looks the same.',
    'A drip spread over many agents; the baseline itself is watched for that.',
  ],
  runbook: [
    "Plot the agent's days beside those of another agent of the role: since when do they part?",
    'List what it reads now that it did not before that day, and where it sends it.',
    'If the work grew, say so to the owner of the role; a baseline of the new level follows by itself.',
  ],
  detect({ session, baseline }) {
    // Days do not change within a session: it is said once.
    if (session.calls !== 1 || !session.firstOfCall) return undefined
    const sum = baseline.drip.surprise(session.agent)
    if (sum === undefined || sum.nats < LEAST_NATS) return undefined
    return {
      strength: sum.nats,
      reasons: [
        {
          what: `${sum.measure} a day of agent ${session.agent}`,
          observed: `about ${sum.times.toPrecision(2)} times the usual on the last ${sum.days} of its ${sum.of} days`,
          expected: `days like those of role ${session.role}, or like its own first ones`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
