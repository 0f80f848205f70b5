import { defineDetector, partsOf, RESULT, type Reason, type Trait } from 'belay'

const LEAST_NATS = 2

/** What each trait is in words; secrets have a detector of their own. */
const WORDS: Readonly<Partial<Record<Trait, string>>> = {
  command: 'a command line',
  'chained-command': 'a command line that runs several programs',
  'injected-command': 'a second command inside a value that is none',
  'hostile-command': 'a command that fetches and runs code, opens a shell, sends files away or deletes everything',
  query: 'a database query',
  'injected-query': 'text that turns one database query into another',
  'unbounded-query': 'a query without condition or limit',
  'catalogue-query': 'a query for the structure or the accounts of the database',
  'parent-path': 'a path that leaves its folder',
  'path-escape': 'a path that climbs out of its folder',
  'system-path': 'a path of the operating system',
  'internal-address': 'an address inside the network',
  wildcard: 'a wildcard in the place of one item',
  operator: 'a condition in the place of a value',
  markup: 'active mark-up',
  'encoded-blob': 'a long encoded text',
  powerful: 'an argument that switches a guard off or acts in another name',
  privileged: 'a value that stands for everyone, everything or the highest rights',
}

export default defineDetector({
  id: 'risky-argument',
  title: 'Argument that reaches further than usual',
  description:
    'An argument has a trait that widens what the call does (a wildcard, a query without a condition, a system path, an address inside the network, the highest rights) and that this argument of this tool hardly ever had.',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0053', 'ASI02', 'MCP02', 'MCP05'],
  knownGaps: ['A role in which everything is wide already.', 'Widening by a value that looks like any other.'],
  runbook: [
    'Compare the argument with the same one in clean sessions of the role.',
    'Ask whether the task needs that reach.',
    'Narrow the tool: a limit, a folder, a schema that does not take the value.',
  ],
  detect({ event, session, baseline }) {
    if (session.traits.length === 0) return undefined
    const tool = event.data.tool?.name ?? ''
    let strength = 0
    let reasons: Reason[] | undefined
    for (const name of session.traits) {
      const { trait, argument } = partsOf(name)
      const words = WORDS[trait]
      if (words === undefined || argument === RESULT) continue
      const seen = baseline.parameters.trait(tool, name)
      if (seen.calls === 0 || seen.nats < LEAST_NATS) continue
      strength = Math.max(strength, seen.nats)
      reasons ??= []
      reasons.push({
        what: `argument ${argument} of \`${tool}\``,
        observed: words,
        expected: `seen in ${seen.sessions} sessions, ${seen.calls} calls of the tool by role ${session.role}`,
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
    return reasons && { strength, reasons }
  },
})
