import { type Concern, defineDetector, natsOf, POISONED_NATS, type Reason } from 'belay'

const MAX_REASONS = 4

export default defineDetector({
  id: 'poisoned-description',
  title: 'Tool definition that gives orders to the model',
  description:
    'A description or schema that is new to the tenant asks for what no tool has a business with: secrets, the conversation, silence towards the user, other tools, every request; or it hides text.',
  scope: 'fleet',
  needs: [],
  whileLearning: true,
  contains: false,
  raises: { severity: 'high' },
  tags: ['AML.T0110', 'AML.T0051.001', 'ASI04', 'ASI01', 'MCP03', 'MCP10'],
  knownGaps: [
    'An order in everyday words that names no secret, address, other tool or user: it reads like documentation.',
    'Sentences in languages beyond the nine of the lexicon are judged by paths, addresses, names and hidden text only.',
    'A PEP that ships digests without texts.',
  ],
  runbook: [
    'Read the whole definition as the server sent it (`belay tools SERVER/TOOL`), hidden text included.',
    'Ask who added the server or tool and whether the texts come from its published source.',
    'Quarantine the tool until that is clear, and look for calls to it or to what it speaks of since it appeared.',
  ],
  detect({ fleet }) {
    let strength = 0
    const reasons: Reason[] = []
    const judge = (what: string, concerns: readonly Concern[]): void => {
      const nats = natsOf(concerns)
      if (nats < POISONED_NATS) return
      strength = Math.max(strength, nats)
      for (const { kind, quote } of concerns.slice(0, MAX_REASONS))
        reasons.push({
          what: `${what}: ${kind}`,
          observed: `"${quote}"`,
          expected: 'a text that says how to use the tool',
        })
    }
    for (const { novelty, passport, version } of fleet.sightings)
      if (novelty !== 'returned') judge(`\`${passport.tool}\` of server ${passport.server}`, version.concerns)
    for (const { what, concerns } of fleet.texts) judge(what, concerns)
    return strength === 0 ? undefined : { strength, reasons }
  },
})
