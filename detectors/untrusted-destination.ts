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
} from 'belay'

/** A destination or an argument is new every day: below this it is no news. */
const LEAST_NATS = 4

/**
 * What the text that named a destination adds to its novelty, nats. What an agent makes up is seldom anybody's wish.
 * `unread`: a text of which the PEP does not tell whether it gives orders.
 */
const NAMED_NATS = { order: 1, unread: 0, text: -1.5, trusted: -3, agent: -4 } as const
/** The task asks for the action and leaves the destination open: one found on the way is more likely to be wanted. */
const LEFT_OPEN_NATS = 4
const HARMLESS_NATS = 2
/** A bare name is easily equal to another by chance. */
const BARE_NAME_NATS = 1.5

export default defineDetector({
  id: 'untrusted-destination',
  title: 'Destination that only untrusted content named',
  description:
    'A call goes to an address, account, path, person or page that neither the task nor the role’s history has and that a result, most telling a sentence that gives orders, named.',
  ops: ['tools/call'],
  needs: ['refs'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0051.001', 'AML.T0086', 'ASI01', 'MCP06'],
  knownGaps: [
    'A destination that the task names as well, or that the role uses every day.',
    'A task that says to follow what a page or message says: the page then names what the user wants.',
    'Content that the PEP neither ships nor describes by refs.',
    'Refs of bare values, without orders: a role that often takes new values from results hides them.',
  ],
  runbook: [
    'Open the result that is named in the reasons and read the sentence that names the destination.',
    'Check whether the call went through; if so, undo it at its destination.',
    'Keep the session contained until the source of the content is cleaned or blocked.',
  ],
  detect(input) {
    const refs = input.event.data.refs ?? []
    if (!input.session.firstOfCall) return undefined
    // The domain of an address says no more than the address.
    const addressed = refs.some((ref) => ref.in === 'args' && ref.kind === 'email')
    const tool = input.event.data.tool?.name ?? ''
    let asked: Asked | undefined
    let worst: Ref | undefined
    let most = LEAST_NATS
    for (const ref of refs) {
      if (ref.in !== 'args' || ref.kind === 'name' || isAsk(ref) || (addressed && ref.kind === 'domain')) continue
      const named = namedBy(input.session.sightingOf(ref.fp))
      if (named === 'task') continue
      const source = named === 'text' && !tellsOrders(refs) ? 'unread' : named
      let nats = noveltyOf(input.baseline, ref.fp) + NAMED_NATS[source]
      if (named === 'order') nats += obedienceOf(input.baseline, tool, ref.kind)
      if (nats < most) continue
      if (isHarmless(input.session, ref.kind)) nats -= HARMLESS_NATS
      if (ref.kind === 'user') nats -= BARE_NAME_NATS
      asked ??= askedBy(input.session, refs)
      if (leftOpen(asked, refs, ref.kind)) nats -= LEFT_OPEN_NATS
      if (nats < most) continue
      most = nats
      worst = ref
    }
    return worst === undefined ? undefined : { strength: most, reasons: [reasonOf(input, worst)] }
  },
})

/** Whoever tells of orders tells of asks and bare names as well; refs of values alone leave open what the text wants. */
function tellsOrders(refs: readonly Ref[]): boolean {
  return refs.some((ref) => ref.imperative !== undefined || ref.kind === 'name' || isAsk(ref))
}

const OBSERVED = {
  task: 'named by the task',
  trusted: 'appears only in a trusted result',
  agent: 'appears neither in the task nor in any result',
} as const

function reasonOf({ event, session, baseline }: DetectorInput, ref: Ref): Reason {
  const sighting = session.sightingOf(ref.fp)
  const named = namedBy(sighting)
  const used = baseline.destinations.used(ref.fp)
  return {
    what: `destination (${ref.kind}) of \`${event.data.tool?.name ?? event.data.op}\``,
    observed:
      named === 'order' || named === 'text'
        ? `appears only in the result of \`${sighting?.tool ?? 'a tool'}\`${named === 'order' ? ', in a sentence that tells its reader to act' : ''}`
        : OBSERVED[named],
    expected: `a destination that the task names or the role uses: used unasked in ${used.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
    support: { sessions: baseline.sessions, agents: baseline.agents },
  }
}
