import { defineDetector, type Reason, type Surrounding } from 'belay'

const LEAST_NATS = 3

const KINDS = ['region', 'country', 'host'] as const satisfies readonly Surrounding[]

export default defineDetector({
  id: 'new-surroundings',
  title: 'Region, country or host that is new to the role',
  description:
    'An agent of the role runs where the role hardly ever does. Where hosts come and go, one more surprises little: the share of places seen only once says how usual a new one is.',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0012', 'ASI03', 'ASI10', 'MCP07'],
  knownGaps: [
    'An agent that is new to the role is not judged: a team that joins elsewhere is no attack, and neither looks an attacker who brings an agent id of its own.',
    'The PEP says where it runs; a stolen credential used behind the same PEP is not new.',
  ],
  runbook: [
    'Ask the owner of the agent whether it was moved or scaled out.',
    'Compare client address and credential with earlier sessions of the agent.',
    'If nobody moved it, revoke its credential.',
  ],
  detect({ event, session, baseline }) {
    const { env } = event.data
    if (env === undefined || !session.firstOfCall) return undefined
    // An agent that joins comes with its place.
    if (baseline.surroundings.surprise('agent', session.agent)?.sessions === 0) return undefined
    let strength = 0
    let reasons: Reason[] | undefined
    for (const kind of KINDS) {
      const value = env[kind]
      if (value === undefined) continue
      const found = baseline.surroundings.surprise(kind, value)
      if (found === undefined || found.nats < LEAST_NATS) continue
      strength = Math.max(strength, found.nats)
      reasons ??= []
      reasons.push({
        what: kind,
        observed: `${value}, in ${found.sessions} of ${found.of} sessions of role ${session.role}`,
        expected: `usually ${found.usual}`,
        support: { sessions: found.of, agents: baseline.agents },
      })
    }
    return reasons && { strength, reasons }
  },
})
