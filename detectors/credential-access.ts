import { defineDetector, partsOf, type Reason, type Trait } from 'belay'

const PLACES: Readonly<Partial<Record<Trait, string>>> = {
  'credential-file': 'a file in which systems keep credentials',
  'cloud-metadata': 'the address at which a cloud hands out credentials',
  'account-file': 'the account file of an operating system',
  'secret-search': 'a search for passwords, keys or tokens, or a listing of the environment',
}

export default defineDetector({
  id: 'credential-access',
  title: 'Reach for credentials',
  description:
    'A call names a file in which systems keep credentials (keys, tokens, account files, environment) or the metadata address of a cloud, and the role never did with this tool.',
  needs: [],
  whileLearning: false,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0083', 'AML.T0098', 'ASI03', 'MCP01'],
  knownGaps: [
    'Credentials in files with names of their own.',
    'A role that manages credentials every day reaches for one more.',
    'Arguments that the PEP does not send; then only the result may tell.',
  ],
  runbook: [
    'Did the call succeed? Then treat the credential as known: rotate it.',
    'See where the session sent anything afterwards.',
    'Take the file out of what the server of the tool can read.',
  ],
  detect({ event, session, baseline }) {
    if (session.traits.length === 0) return undefined
    const tool = event.data.tool?.name ?? ''
    let strength = 0
    let reasons: Reason[] | undefined
    for (const name of session.traits) {
      const { trait, argument } = partsOf(name)
      const words = PLACES[trait]
      if (words === undefined) continue
      const seen = baseline.parameters.trait(tool, name)
      if (seen.sessions > 0) continue
      // Without a history of the tool the role's own is what it is news to.
      strength = Math.max(strength, seen.calls > 0 ? seen.nats : Math.log(2 * baseline.sessions + 2))
      reasons ??= []
      reasons.push({
        what: `${argument} of \`${tool === '' ? event.data.op : tool}\``,
        observed: words,
        expected: `none in ${seen.calls} calls of role ${session.role}`,
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
    return reasons && { strength, reasons }
  },
})
