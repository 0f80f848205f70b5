import { defineDetector, type Reason } from 'belay'

export default defineDetector({
  id: 'delegation-chain-new',
  title: 'Delegation by someone who never delegated',
  description:
    'The call is made on behalf of a chain of agents or services that has a stranger in it, comes back to itself, or is longer than any before.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: true,
  raises: { severity: 'medium' },
  tags: ['ASI03', 'ASI07', 'MCP02', 'MCP07'],
  knownGaps: [
    'A new combination of known agents is taken for new work.',
    'Chains that the PEP does not state or cannot verify.',
  ],
  runbook: [
    'Who is the stranger in the chain, and who registered it?',
    'Did the user at its beginning ask for what is done at its end?',
  ],
  detect({ fleet: { isVouched, identity } }) {
    const chain = identity?.newChain
    if (!isVouched || chain === undefined) return undefined
    const what = `chain ${chain.chain.join(' > ')}`
    const reasons: Reason[] = []
    if (chain.deepest > 0 && chain.strangers.length > 0)
      reasons.push({
        what,
        observed: `${chain.strangers.join(', ')} never seen before`,
        expected: 'agents of the tenant',
      })
    if (chain.isLoop) reasons.push({ what, observed: 'comes back to itself', expected: 'each member once' })
    if (chain.deepest > 0 && chain.chain.length > chain.deepest + 1)
      reasons.push({ what, observed: `${chain.chain.length} deep`, expected: `at most ${chain.deepest}` })
    return reasons.length === 0 ? undefined : { strength: 3 + reasons.length, reasons }
  },
})
