import { defineDetector } from 'belay'

const LEAST_NATS = 3

export default defineDetector({
  id: 'intent-mismatch',
  title: 'Intent that the role does not have',
  description:
    'The task, or what the model says it is about to do, asks for an action on a kind of thing that tasks of the role hardly ever ask for. Compared as keyed fingerprints, so that the text need not be kept.',
  needs: ['intent'],
  whileLearning: false,
  contains: false,
  tags: ['AML.T0051', 'ASI01', 'ASI10', 'MCP06'],
  knownGaps: [
    'Actions and things outside the small vocabulary, and languages other than English.',
    'An intent that says one thing while the calls do another: the calls have detectors of their own.',
    'A role whose tasks are about anything.',
  ],
  runbook: [
    'Read the task and the stated intents of the session in their order: where do they part?',
    'Look at the result just before the first intent that does not fit.',
    'Ask the user whether the request is theirs.',
  ],
  detect({ event, session, baseline }) {
    const { refs } = event.data
    if (!session.intentIsNew || refs === undefined) return undefined
    let nats = 0
    let sessions = 0
    for (const ref of refs) {
      if (ref.in !== 'intent' || ref.kind !== 'ask') continue
      const found = baseline.intents.surprise(ref.fp)
      if (found === undefined || found.nats <= nats) continue
      nats = found.nats
      sessions = found.sessions
    }
    if (nats < LEAST_NATS) return undefined
    return {
      strength: nats,
      reasons: [
        {
          what: session.calls > 1 ? 'intent stated in the session' : 'task of the session',
          observed: "asks for an action on a kind of thing that is not the role's",
          expected: `something that tasks of role ${session.role} ask for: this one in ${sessions} of ${baseline.sessions} sessions`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
