import { defineDetector } from 'belay'

/** failures before a success that are no mistyping */
const FAILURES = 5
const TIMES_USUAL = 2

export default defineDetector({
  id: 'success-after-burst',
  title: 'Authentication that succeeds after many failures',
  description:
    'An agent, credential or network that failed to authenticate many times within half an hour succeeds: a guess may have been right.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0012', 'AML.T0098', 'ASI03', 'MCP01', 'MCP07'],
  knownGaps: [
    'A success from another network than the failures, as another agent.',
    'Failures that were spread over hours.',
  ],
  runbook: [
    'Ask the owner of the agent whether it was them.',
    'Read what the session did since; keep it at step-up until they answer.',
    'Rotate the credential if nobody did.',
  ],
  detect({ event, fleet: { auth, identity } }) {
    if (auth?.outcome !== 'success') return undefined
    // Others fail in an office as well: its network counts only where it is not the agent's own.
    const ofNetwork = identity?.newNetwork === undefined ? 0 : auth.ofNetwork
    const count = Math.max(auth.ofAgent, auth.ofCredential, ofNetwork)
    if (count < Math.max(FAILURES, TIMES_USUAL * auth.usual.ofOne + 1)) return undefined
    return {
      strength: 5,
      reasons: [
        {
          what: `authentication of ${event.data.agent.id}`,
          observed: `success after ${count} failures within 30 minutes`,
          expected: `at most ${auth.usual.ofOne} failures in the tenant's history`,
        },
      ],
    }
  },
})
