import { defineDetector } from 'belay'

export default defineDetector({
  id: 'pep-bypass',
  title: 'Calls that nobody decides on any more',
  description:
    'A PEP that asked for a decision before its calls lets one through without, or fails open: what is contained may go on there.',
  scope: 'fleet',
  ops: ['tools/call'],
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['ASI10', 'ASI02', 'MCP08', 'MCP07'],
  knownGaps: [
    'A call that reaches its server by another way is seen only where that server has a PEP of its own.',
    'A PEP that never asked.',
  ],
  runbook: [
    "Was the PEP's configuration changed, or is the decision service out of its reach?",
    'List what is contained and check at the gateway that it holds.',
  ],
  detect({ event, fleet: { uncheckedBy } }) {
    if (uncheckedBy === undefined) return undefined
    return {
      strength: 4,
      reasons: [
        {
          what: `decision of ${uncheckedBy} on \`${event.data.tool?.name ?? event.data.op}\``,
          observed: event.data.decision?.origin ?? 'none asked for',
          expected: 'a decision before every call, as this PEP always had',
        },
      ],
    }
  },
})
