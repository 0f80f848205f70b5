import { type DetectorInput, defineDetector, nameOf, partsOf, type Reason, type Trait } from 'belay'

/** Calls that must have gone without, before their absence says anything: of the tool, or of the whole role. */
const LEAST_CALLS = 10
const LEAST_ROLE_CALLS = 50

/** Traits that no argument has by chance, and what an analyst calls them. */
const CERTAIN: Readonly<Partial<Record<Trait, string>>> = {
  'injected-command': 'a second command inside a value that is none',
  'hostile-command': 'a command that fetches and runs code, opens a shell, sends files away or deletes everything',
  'injected-query': 'text that turns one database query into another',
  'path-escape': 'a path that climbs out of its folder',
  'injected-header': 'a second header line inside a value that is one line',
  'external-entity': 'an XML entity that reads from elsewhere',
}

export default defineDetector({
  id: 'injected-argument',
  title: 'Argument that breaks out of its place',
  description:
    'An argument carries a command, a query or a path that reaches beyond what it is for, and that argument of that tool never did in the history of the role.',
  needs: [],
  whileLearning: false,
  contains: true,
  raises: { severity: 'high', response: 'require_step_up' },
  tags: ['AML.T0053', 'ASI02', 'ASI05', 'MCP05'],
  knownGaps: [
    'A tool that takes command lines every day: only what is hostile in any of them is found.',
    'Dialects of shells and databases that are not in the list of shapes.',
    'Arguments that the PEP does not send, or cuts.',
  ],
  runbook: [
    'Read the argument as the tool would: what runs, and with whose rights?',
    'Find where the text came from: a result earlier in the session, or the task.',
    'Check on the host of the server whether it ran.',
  ],
  detect(input) {
    const { traits } = input.session
    if (traits.length === 0) return undefined
    let strength = 0
    let reasons: Reason[] | undefined
    for (const trait of traits) {
      const found = judge(input, trait)
      if (found === undefined) continue
      strength = Math.max(strength, found.nats)
      reasons ??= []
      reasons.push(found.reason)
    }
    return reasons && { strength, reasons }
  },
})

function judge(
  { event, session, baseline }: DetectorInput,
  name: string,
): { nats: number; reason: Reason } | undefined {
  const { trait, argument } = partsOf(name)
  const words = CERTAIN[trait]
  if (words === undefined) return undefined
  const tool = event.data.tool?.name ?? ''
  const seen = baseline.parameters.trait(tool, name)
  if (seen.sessions > 0) return undefined
  if (trait !== 'hostile-command') {
    const anywhere = baseline.parameters.traitAnywhere(trait)
    if (seen.calls < LEAST_CALLS && (anywhere.sessions > 0 || anywhere.calls < LEAST_ROLE_CALLS)) return undefined
    if (trait === 'injected-command' && takesCommands(baseline, tool, argument)) return undefined
  }
  return {
    nats: seen.nats,
    reason: {
      what: `argument ${argument} of \`${tool === '' ? event.data.op : tool}\``,
      observed: words,
      expected: `none in ${seen.calls} calls of role ${session.role}`,
      support: { sessions: baseline.sessions, agents: baseline.agents },
    },
  }
}

/** Where command lines are usual, one that begins with a program we do not know is one too. */
function takesCommands(baseline: DetectorInput['baseline'], tool: string, argument: string): boolean {
  return (['command', 'chained-command'] as const).some(
    (trait) => baseline.parameters.trait(tool, nameOf(trait, argument)).sessions > 0,
  )
}
