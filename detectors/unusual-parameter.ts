import { defineDetector } from 'belay'

const LEAST_NATS = 3

export default defineDetector({
  id: 'unusual-parameter',
  title: 'Argument of an unusual shape',
  description:
    'An argument that the tool is never given, or one whose type, size or kind of text the role hardly ever uses.',
  ops: ['tools/call'],
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0053', 'ASI02', 'MCP05'],
  knownGaps: [
    'Shapes, not values: an unusual value of the usual shape is not seen.',
    'Free text comes in all shapes and surprises little.',
  ],
  runbook: [
    "Compare the arguments with those of the role's clean calls of the same tool.",
    'Check whether the schema of the tool changed.',
    'If the new argument is wanted, clear the session; the next baseline learns it.',
  ],
  detect({ event, session, baseline }) {
    if (session.parameters.length === 0) return undefined
    const tool = event.data.tool?.name ?? ''
    const found = baseline.parameters.surprise(tool, session.parameters)
    if (found === undefined || found.nats < LEAST_NATS) return undefined
    return {
      strength: found.nats,
      reasons: [
        {
          what: `argument ${found.argument} of \`${tool}\``,
          observed: `${found.shape}, in ${found.sessions} sessions of role ${session.role}`,
          expected: found.usual === 'never given' ? 'not given at all' : `usually ${found.usual}`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
