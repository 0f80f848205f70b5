import { defineDetector } from 'belay'

export default defineDetector({
  id: 'sequence-gap',
  title: 'Events of a session that never came',
  description: 'The PEP numbers the events of its sessions, and some numbers are missing for good.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'medium' },
  tags: ['ASI10', 'MCP08'],
  knownGaps: [
    'The last events of a session are not missed.',
    'A PEP that numbers over all its sessions, or not at all.',
    'Up to four missing events are taken for events on their way.',
  ],
  runbook: [
    'Ask the PEP what it dropped: its own counter of dropped events says whether it was short of room.',
    'If it dropped none, someone is between it and the broker: check signatures.',
    'Look for the missing calls in the logs of the servers behind it.',
  ],
  detect({ event, fleet: { missing } }) {
    if (missing === 0) return undefined
    return {
      strength: 3 + Math.log(missing),
      reasons: [
        {
          what: `events of session ${event.data.session.id} from ${event.source}`,
          observed: `${missing} missing before number ${event.data.seq ?? 0}`,
          expected: 'every number once',
        },
      ],
    }
  },
})
