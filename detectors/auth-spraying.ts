import { defineDetector, type Reason } from 'belay'

/** agents or credentials that fail from one network within half an hour */
const SPRAYED = 5
/** agents that fail anywhere in the tenant within half an hour */
const EVERYWHERE = 12
const TIMES_USUAL = 2

export default defineDetector({
  id: 'auth-spraying',
  title: 'Authentication tried on many agents',
  description:
    'One network fails to authenticate as many agents or with many credentials, each too seldom for a burst; or many agents of the tenant fail at a time.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0012', 'ASI03', 'MCP01', 'MCP07'],
  knownGaps: ['Attempts spread over hours and networks.', 'A PEP that does not state the client address.'],
  runbook: [
    'Which network, and does anyone honest come from it?',
    'List the agents tried and look for a success among them.',
    'Block the network; rotate what may have been guessed.',
  ],
  detect({ event, fleet: { auth } }) {
    if (auth?.outcome !== 'failure') return undefined
    const reasons: Reason[] = []
    const look = (what: string, count: number, usual: number, least: number): void => {
      if (count < Math.max(least, TIMES_USUAL * usual + 1)) return
      reasons.push({
        what,
        observed: `${count} within 30 minutes`,
        expected: `at most ${usual} in the tenant's history`,
      })
    }
    const from = event.data.session.client_ip ?? 'one network'
    look(`agents failing from ${from}`, auth.agentsTried, auth.usual.agentsTried, SPRAYED)
    look(`credentials failing from ${from}`, auth.credentialsTried, auth.usual.agentsTried, SPRAYED)
    look('agents failing in the tenant', auth.agentsFailing, auth.usual.agentsFailing, EVERYWHERE)
    return reasons.length === 0 ? undefined : { strength: 5, reasons }
  },
})
