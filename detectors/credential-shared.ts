import { defineDetector, type Reason } from 'belay'

/** a credential that more agents than this have in history is a shared one by design */
const OWNERS = 2

export default defineDetector({
  id: 'credential-shared',
  title: 'Credential in two hands',
  description:
    "A credential that history knows as one agent's is used by another agent, or the same credential is in use in two countries or by turns from two networks within an hour.",
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0012', 'AML.T0083', 'ASI03', 'MCP01', 'MCP07'],
  knownGaps: [
    'Credentials that history has in many hands already.',
    'A thief who waits until the owner is quiet for an hour, in the same country.',
    'A PEP that does not state the digest of the credential.',
  ],
  runbook: [
    'Rotate the credential first: if it is shared on purpose, that costs a minute.',
    'See what either agent did with it in the last hour.',
    'Give every agent a credential of its own.',
  ],
  detect({ event, fleet: { isVouched, identity } }) {
    if (!isVouched || identity === undefined) return undefined
    const { ownedBy, elsewhere, newCountry, newNetwork } = identity
    const who = event.data.agent.id
    const reasons: Reason[] = []
    if (ownedBy.length > 0 && ownedBy.length <= OWNERS)
      reasons.push({ what: 'credential', observed: `used by ${who}`, expected: `used by ${ownedBy.join(', ')} only` })
    if (elsewhere !== undefined && (newCountry !== undefined || newNetwork !== undefined))
      reasons.push({
        what: `credential of ${who}`,
        observed: `used from ${newCountry ?? newNetwork ?? 'elsewhere'}`,
        expected: `one place at a time: it was used from ${elsewhere.place} ${Math.round(elsewhere.agoMs / 60_000)} minutes ago`,
      })
    return reasons.length === 0 ? undefined : { strength: 6, reasons }
  },
})
