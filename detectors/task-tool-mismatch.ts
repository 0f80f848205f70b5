import { askedBy, defineDetector, type Risk, riskOfName } from 'belay'

/** How rare it must be that the role uses the tool without being asked to. */
const LEAST_NATS = 4

const WORDS: Readonly<Record<Risk, string>> = {
  destructive: 'destroys something',
  privilege: 'gives somebody rights or changes what protects them',
  money: 'moves money',
  execution: 'runs something',
}

export default defineDetector({
  id: 'task-tool-mismatch',
  title: 'Grave action that the task does not ask for',
  description:
    'A call that destroys, gives rights, moves money or runs something, by a tool that the role uses for tasks that ask for it, in a session whose task asks for nothing of the kind. Whom or what it reaches does not matter.',
  ops: ['tools/call'],
  needs: ['tool.name', 'refs'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0053', 'AML.T0101', 'ASI02', 'ASI01', 'ASI03', 'MCP02', 'MCP06'],
  knownGaps: [
    'A task in words that the vocabulary does not have, or one that asks for the same action on something else.',
    'Grave actions behind names that say nothing of them.',
    'A role that does such things unasked every day, and PEPs that send neither task nor refs of it.',
  ],
  runbook: [
    'Compare the task with the call: would the user have asked for it?',
    'Read what the session read before; an order may stand there.',
    'Undo what was done while that is possible: restore, revoke, call the money back.',
  ],
  detect({ event, session, baseline }) {
    if (!session.firstOfCall || session.effect === 'read') return undefined
    const { server, tool, intent, refs = [] } = event.data
    const name = tool?.name ?? ''
    const use = baseline.tools.unasked(server.id, name)
    if (use.nats < LEAST_NATS) return undefined
    const risk = riskOfName(name)
    if (risk === undefined) return undefined
    if (intent?.text === undefined && !refs.some((ref) => ref.in === 'intent')) return undefined
    // An order that asks for it is another detector's: it says by whom.
    if (askedBy(session, refs).by !== 'nobody') return undefined
    return {
      strength: use.nats,
      reasons: [
        {
          what: `\`${name}\`, which ${WORDS[risk]}`,
          observed: 'the task asks for nothing of the kind',
          expected: `a task that asks for it: role ${session.role} used it unasked in ${use.sessions} of ${baseline.sessions} sessions`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
