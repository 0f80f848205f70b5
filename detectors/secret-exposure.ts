import { defineDetector, partsOf, RESULT, type Reason } from 'belay'

/** Calls of the tool that must have gone without, before their absence says anything. */
const LEAST_CALLS = 10
/** of the whole role, where the tool is new to it */
const LEAST_ROLE_CALLS = 50
const LEAST_NATS = 3

export default defineDetector({
  id: 'secret-exposure',
  title: 'Secret where none is usual',
  description:
    'An argument or a result holds a secret (key, token, password, card number), and this argument or the results of this tool never did in the history of the role. The mark that redaction leaves is enough.',
  needs: [],
  whileLearning: false,
  contains: true,
  raises: { severity: 'medium' },
  tags: ['AML.T0083', 'AML.T0098', 'ASI03', 'MCP01', 'MCP10'],
  knownGaps: ['Secrets that neither a pattern nor the name of their member gives away.', 'A tool without history.'],
  runbook: [
    'Find out whose secret it is by the mark: equal secrets have equal marks.',
    'Rotate it, and see in which other events the same mark stands.',
    'Have the server leave it out of its results.',
  ],
  detect({ event, session, baseline }) {
    if (session.traits.length === 0) return undefined
    const tool = event.data.tool?.name ?? ''
    let strength = 0
    let reasons: Reason[] | undefined
    for (const name of session.traits) {
      const { trait, argument } = partsOf(name)
      if (trait !== 'secret') continue
      const seen = baseline.parameters.trait(tool, name)
      if (seen.sessions > 0) continue
      if (seen.calls < LEAST_CALLS) {
        const anywhere = baseline.parameters.traitAnywhere('secret')
        if (seen.calls > 0 || anywhere.sessions > 0 || anywhere.calls < LEAST_ROLE_CALLS) continue
      }
      strength = Math.max(strength, seen.nats, LEAST_NATS)
      reasons ??= []
      reasons.push({
        what: argument === RESULT ? `result of \`${tool}\`` : `argument ${argument} of \`${tool}\``,
        observed: 'holds a secret',
        expected: `none in ${seen.calls} calls of role ${session.role}`,
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
    return reasons && { strength, reasons }
  },
})
