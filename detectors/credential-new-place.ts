import { defineDetector, type Reason } from 'belay'

export default defineDetector({
  id: 'credential-new-place',
  title: 'Agent or credential from a place it never came from',
  description:
    'A known agent or credential is seen from a network, a country or a client that history has nobody of it in. Weaker where others of the tenant come from there.',
  scope: 'fleet',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0012', 'ASI03', 'MCP01', 'MCP07'],
  knownGaps: [
    'A thief in the same network and country with the same client.',
    'A new office looks like this until its second agent comes: alone it is evidence, not a finding.',
  ],
  runbook: [
    'Was the agent moved, or its owner? Ask before looking further.',
    'Compare what the session does with earlier sessions of the agent.',
    'Rotate the credential if nobody can say.',
  ],
  detect({ event, fleet: { isVouched, identity } }) {
    if (!isVouched || identity === undefined || !identity.isKnownAgent) return undefined
    const { newNetwork, newCountry, newClient, usual, neighbours } = identity
    const reasons: Reason[] = []
    let strength = 0
    const look = (nats: number, what: string, value: string | undefined, known: readonly string[]): void => {
      if (value === undefined) return
      strength += nats
      reasons.push({
        what: `${what} of ${event.data.agent.id}`,
        observed: value,
        expected: known.slice(0, 4).join(', '),
      })
    }
    look(neighbours > 0 ? 1 : 3, 'network', newNetwork, usual.networks)
    look(4, 'country', newCountry, usual.countries)
    look(2.5, 'client', newClient, usual.clients)
    return strength < 2 ? undefined : { strength, reasons }
  },
})
