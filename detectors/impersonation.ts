import { defineDetector, type Reason } from 'belay'

export default defineDetector({
  id: 'impersonation',
  title: 'Someone else under the name of a known agent',
  description:
    'A known agent comes with a credential it never had, or by a client it never used, and from a place it never came from: its name, with nothing else of it.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0012', 'AML.T0073', 'ASI03', 'ASI07', 'MCP07'],
  knownGaps: [
    'An impostor from the same network with the same client.',
    'An agent that is moved and re-keyed in one go looks the same.',
    'A country alone is not stated by most PEPs.',
  ],
  runbook: [
    'Ask the owner whether the agent was moved or re-keyed.',
    'Read the session: does it do what this agent does?',
    'If not, suspend the session and revoke the new credential.',
  ],
  detect({ event, fleet: { isVouched, identity } }) {
    if (!isVouched || identity === undefined || !identity.isKnownAgent) return undefined
    const { newCredential, newNetwork, newCountry, newClient, usual, neighbours } = identity
    // A network where colleagues sit is a move, and so is a new country that others of the tenant are in.
    const isElsewhere = (newNetwork !== undefined && neighbours === 0) || newCountry !== undefined
    const isTravel = newNetwork !== undefined && newCountry !== undefined && neighbours === 0
    if (!isTravel && !(isElsewhere && (newCredential !== undefined || newClient !== undefined))) return undefined
    const reasons: Reason[] = []
    const say = (what: string, value: string | undefined, known: readonly string[]): void => {
      if (value === undefined) return
      const expected = known.length === 0 ? 'one that it had before' : known.slice(0, 4).join(', ')
      reasons.push({ what: `${what} of ${event.data.agent.id}`, observed: value, expected })
    }
    say('credential', newCredential?.slice(0, 12), [])
    say('network', newNetwork, usual.networks)
    say('country', newCountry, usual.countries)
    say('client', newClient, usual.clients)
    return { strength: 3 * reasons.length, reasons }
  },
})
