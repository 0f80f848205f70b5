import {
  defineDetector,
  INJECTED_NATS,
  type InjectionKind,
  injectionKindOf,
  injectionsIn,
  natsOfInjections,
  type Reason,
} from 'belay'

const MAX_REASONS = 4

/** What each kind of order is in words. */
const WORDS: Readonly<Record<InjectionKind, string>> = {
  override: 'tells its reader to drop the task or its rules',
  concealment: 'tells its reader to keep something from the user',
  addressed: 'speaks to an assistant or a model',
  turn: 'plays another speaker of the conversation',
  tag: 'marks itself as instructions',
  task: 'speaks of the task that the agent was given',
  'as-user': 'speaks in the name of the user',
  hidden: 'gives orders where a page shows nothing',
  masked: 'gives orders in characters or codings that people do not read',
  condition: 'asks for something risky before it goes on',
  secret: 'asks for secrets or the conversation',
  delivery: 'names where something is to be sent',
  procedure: 'says when to go on with the task',
}

export default defineDetector({
  id: 'injection-in-results',
  title: 'Result that gives the agent orders',
  description:
    'The text of a result speaks to the agent instead of to its reader: it drops the task, plays another speaker, asks for silence, or hides its order in comments, invisible or look-alike letters, base64 or URL encoding. An agent may resist it, so nobody is contained for it.',
  needs: ['refs'],
  whileLearning: true,
  contains: false,
  raises: { severity: 'medium' },
  tags: ['AML.T0051.001', 'AML.T0068', 'ASI01', 'ASI06', 'MCP06', 'MCP10'],
  knownGaps: [
    'A request in everyday words that could be meant for people: it is judged when the agent follows it.',
    'Texts about prompt injection that give examples without quotes.',
    'Orders in images, and in languages beyond the nine that the lexicon has.',
  ],
  runbook: [
    'Read the result: who can write there? Have the text removed at its source.',
    'See whether the session did what the text asks for, and release or contain it by that.',
    'Look for other sessions that read the same source.',
  ],
  detect({ event }) {
    const { refs, result, tool, op } = event.data
    if (result === undefined || refs === undefined) return undefined
    let kinds: InjectionKind[] | undefined
    for (const ref of refs) {
      if (ref.in !== 'result' || ref.imperative !== true || ref.untrusted === false) continue
      const kind = injectionKindOf(ref.kind)
      if (kind === undefined) continue
      kinds ??= []
      kinds.push(kind)
    }
    if (kinds === undefined) return undefined
    const strength = natsOfInjections(kinds)
    if (strength < INJECTED_NATS) return undefined
    const quotes = new Map(injectionsIn(result.sample ?? '').map(({ kind, quote }) => [kind, quote]))
    const reasons: Reason[] = kinds.slice(0, MAX_REASONS).map((kind) => ({
      what: `result of \`${tool?.name ?? op}\``,
      observed: quotes.has(kind) ? `${WORDS[kind]}: "${quotes.get(kind)}"` : WORDS[kind],
      expected: 'a text for the reader of the result',
    }))
    return { strength, reasons }
  },
})
