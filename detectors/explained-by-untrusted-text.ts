import {
  type Asked,
  askedBy,
  type DetectorInput,
  defineDetector,
  isAsk,
  isHarmless,
  leftOpen,
  namedBy,
  noveltyOf,
  obedienceOf,
  type Reason,
  type Ref,
  type Sighting,
} from 'belay'

/** A destination or an argument is new every day: below this it is no news. */
const LEAST_NATS = 4

/** The task asks for the action and leaves this argument open: a destination is then often found on the way, a wording seldom. */
const LEFT_OPEN_NATS = { destination: 4, name: 1 } as const
const HARMLESS_NATS = 2

export default defineDetector({
  id: 'explained-by-untrusted-text',
  title: 'Call that an order in untrusted content explains',
  description:
    'What the tool does, or what an argument says, was asked for by a sentence of a result that tells its reader to act, and not by the task.',
  ops: ['tools/call'],
  needs: ['refs'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0051.001', 'AML.T0053', 'ASI01', 'MCP06'],
  knownGaps: [
    'An order that asks for what the task asks for as well and gives no argument of its own.',
    'Orders in a language whose verbs the vocabulary does not know.',
    'A task that says to follow what a page or message says.',
  ],
  runbook: [
    'Open the result that is named in the reasons and compare its orders with the call.',
    'Compare the call with the task: would the user have asked for it?',
    'Keep the session contained until the source of the content is cleaned or blocked.',
  ],
  detect(input) {
    const { session, event } = input
    if (!session.firstOfCall) return undefined
    const refs = event.data.refs ?? []
    const given = givenBy(input, refs)
    const asked = given?.asked ?? askedBy(session, refs)
    const orderNats = asked.by === 'order' ? unaskedNats(input) : 0
    const valueNats = given?.nats ?? 0
    const strength = Math.max(valueNats, orderNats) + Math.min(valueNats, orderNats) / 2
    if (strength < LEAST_NATS) return undefined
    const reasons: Reason[] = []
    if (given) reasons.push(valueReason(input, given.ref))
    if (asked.sighting) reasons.push(orderReason(input, asked.sighting))
    return { strength, reasons }
  },
})

interface Given {
  readonly ref: Ref
  readonly nats: number
  readonly asked: Asked
}

/** The most telling argument that an order gave and the task did not. */
function givenBy({ event, session, baseline }: DetectorInput, refs: readonly Ref[]): Given | undefined {
  let found: Given | undefined
  let asked: Asked | undefined
  const addressed = refs.some((ref) => ref.in === 'args' && ref.kind === 'email')
  for (const ref of refs) {
    if (
      ref.in !== 'args' ||
      isAsk(ref) ||
      (addressed && ref.kind === 'domain') ||
      namedBy(session.sightingOf(ref.fp)) !== 'order'
    )
      continue
    asked ??= askedBy(session, refs)
    let nats = noveltyOf(baseline, ref.fp) + obedienceOf(baseline, event.data.tool?.name ?? '', ref.kind)
    if (isHarmless(session, ref.kind)) nats -= HARMLESS_NATS
    if (leftOpen(asked, refs, ref.kind)) nats -= LEFT_OPEN_NATS[ref.kind === 'name' ? 'name' : 'destination']
    if (found === undefined || nats > found.nats) found = { ref, nats, asked }
  }
  return found
}

/** How rare it is that the role uses the tool unasked; reading weighs half. */
function unaskedNats({ event, session, baseline }: DetectorInput): number {
  const use = baseline.tools.unasked(event.data.server.id, event.data.tool?.name ?? '')
  return use.nats * (session.effect === 'read' ? 0.4 : 0.8)
}

function valueReason({ event, session, baseline }: DetectorInput, ref: Ref): Reason {
  const used = baseline.destinations.used(ref.fp)
  return {
    what: `argument (${ref.kind}) of \`${event.data.tool?.name ?? ''}\``,
    observed: `given by a sentence in the result of \`${session.sightingOf(ref.fp)?.tool ?? 'a tool'}\` that tells its reader to act`,
    expected: `a value of the task or of the role: used unasked in ${used.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
    support: { sessions: baseline.sessions, agents: baseline.agents },
  }
}

function orderReason({ event, session, baseline }: DetectorInput, order: Sighting): Reason {
  const tool = event.data.tool?.name ?? ''
  const use = baseline.tools.unasked(event.data.server.id, tool)
  return {
    what: `\`${tool}\``,
    observed: `asked for by a sentence in the result of \`${order.tool ?? 'a tool'}\`, not by the task`,
    expected: `a call that the task asks for: role ${session.role} used it unasked in ${use.sessions} of ${baseline.sessions} sessions`,
    support: { sessions: baseline.sessions, agents: baseline.agents },
  }
}
