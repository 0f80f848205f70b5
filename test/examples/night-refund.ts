import { defineDetector } from 'belay'

export default defineDetector({
  id: 'night-refund',
  title: 'Large refund at an hour the role does not work',
  description: 'A refund above a hundred, at an hour of the week at which sessions of this role are rare.',
  ops: ['tools/call'],
  needs: ['tool.name', 'args.amount'],
  whileLearning: false,
  contains: true,
  tags: ['ASI02', 'MCP06'],
  knownGaps: ['Refunds in several parts.', 'A role that works around the clock.'],
  runbook: ['Ask the clerk whose agent this is.', 'Stop the refund at the bank if nobody wanted it.'],
  detect({ event, session, baseline }) {
    const amount = event.data.args?.amount
    if (!session.firstOfCall || typeof amount !== 'number' || amount <= 100) return undefined
    if (event.data.tool?.name !== 'issue_refund') return undefined
    const hour = baseline.hours.surprise(event.timeMs)
    if (hour.nats < 3) return undefined
    return {
      strength: hour.nats,
      reasons: [
        {
          what: '`issue_refund`',
          observed: `${amount} at ${hour.label}`,
          expected: `an hour of the role's: ${hour.sessions} of ${baseline.sessions} sessions worked then`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
