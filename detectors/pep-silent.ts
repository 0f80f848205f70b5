import { defineDetector } from 'belay'

export default defineDetector({
  id: 'pep-silent',
  title: 'Enforcement point that fell silent',
  description:
    'A PEP sends nothing, not even heartbeats, for far longer than it ever was silent, while others of the tenant go on. Measured only while the others are heard, in event time; carried by the event that shows it.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['ASI10', 'ASI02', 'MCP08'],
  knownGaps: [
    'A tenant with one PEP only: nobody is there to notice.',
    'Without heartbeats, silence of less than twice the longest so far.',
  ],
  runbook: [
    'Is the PEP down, its network, or was it taken out of the path? Its calls may go on unseen.',
    'Look at the servers behind it for calls since its last event.',
    'Containment that was in force there may not be: check it.',
  ],
  detect({ fleet: { silence } }) {
    if (silence.length === 0) return undefined
    return {
      strength: 5,
      reasons: silence.map(({ source, silentMs, usualMs }) => ({
        what: `PEP ${source}`,
        observed: `silent for ${minutes(silentMs)} while others go on`,
        expected: `at most ${minutes(usualMs)}`,
      })),
    }
  },
})

function minutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`
}
