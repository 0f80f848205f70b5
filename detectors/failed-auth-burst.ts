import { defineDetector } from 'belay'

/** failures of one agent or credential within half an hour that are a burst where history has none */
const BURST = 7
/** times what history has */
const TIMES_USUAL = 2

export default defineDetector({
  id: 'failed-auth-burst',
  title: 'Burst of failed authentications',
  description:
    'One agent, or one credential, fails to authenticate more often within half an hour than anyone of the tenant ever did.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'medium' },
  tags: ['AML.T0012', 'AML.T0098', 'ASI03', 'MCP01', 'MCP07'],
  knownGaps: [
    'Guesses spread over hours.',
    'An identity provider that is down makes everyone fail: many agents of many networks at once are told apart by nobody here.',
  ],
  runbook: [
    'Where do the attempts come from, and is it a network the agent uses?',
    'If a client retries a credential that has expired, renew it; else block the network and rotate the credential.',
    'Look for a success after the burst.',
  ],
  detect({ event, fleet: { auth } }) {
    if (auth?.outcome !== 'failure') return undefined
    const count = Math.max(auth.ofAgent, auth.ofCredential)
    const least = Math.max(BURST, TIMES_USUAL * auth.usual.ofOne + 1)
    if (count < least) return undefined
    return {
      strength: 4 + Math.log(count / least),
      reasons: [
        {
          what: `failed authentications of ${event.data.agent.id} within 30 minutes`,
          observed: `${count}${event.data.auth?.reason === undefined ? '' : ` (${event.data.auth.reason})`}`,
          expected: `at most ${auth.usual.ofOne} in the tenant's history`,
        },
      ],
    }
  },
})
