import { defineDetector } from 'belay'

const LEAST_NATS = 2

export default defineDetector({
  id: 'off-hours',
  title: 'Work at an hour the role does not keep',
  description:
    "The session is active in an hour of the week, in the role's own time zone, in which the role hardly ever works.",
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0012', 'ASI03'],
  knownGaps: [
    'Public holidays are working days to this detector.',
    'A role that works around the clock has no off hours.',
  ],
  runbook: [
    'Ask the owner of the agent whether a run was started by hand or a schedule was moved.',
    'Check where the session came from: client address, credential, host.',
    'If the new hours are wanted, clear the session; the next baseline learns them.',
  ],
  detect({ event, session, baseline }) {
    if (!session.firstOfCall) return undefined
    const hour = baseline.hours.surprise(event.timeMs)
    if (hour.nats < LEAST_NATS) return undefined
    return {
      strength: hour.nats,
      reasons: [
        {
          what: 'hour of the week',
          observed: hour.label,
          expected: `role ${session.role} was active in this hour in ${hour.sessions} of ${baseline.sessions} sessions`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
