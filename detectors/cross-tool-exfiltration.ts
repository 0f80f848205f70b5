import { type DetectorInput, defineDetector, isAsk, namedBy, noveltyOf, partsOf, type Reason, type Ref } from 'belay'

/** Calls of the tool that must have gone without, before their absence says anything. */
const LEAST_CALLS = 20
/** What says where something goes. A path or a bare name stays in the house. */
const PLACES: ReadonlySet<string> = new Set(['email', 'url', 'domain', 'ip', 'account', 'phone', 'channel', 'user'])
/** A place that nobody named and the role never reached tells more than a flow that is new. */
const STRANGER_NATS = 2

export default defineDetector({
  id: 'cross-tool-exfiltration',
  title: 'Result carried out through another tool',
  description:
    'Words of a result reappear in the arguments of a call that leaves: to a place that neither the task names nor the role ever reached, or through a tool that never carried results of that source. Copies in base64 or URL encoding count. Compared as hashed shingles; no content is kept.',
  ops: ['tools/call'],
  needs: ['args'],
  whileLearning: false,
  contains: true,
  raises: { severity: 'medium' },
  tags: ['AML.T0086', 'AML.T0057', 'AML.T0053', 'ASI02', 'ASI01', 'MCP06', 'MCP10'],
  knownGaps: [
    'A result that is told in other words, or in pieces of a few words.',
    'A place that the task names: the user wants it there.',
    'PEPs that ship no content.',
  ],
  runbook: [
    'Read the result that the reasons name and the call that repeats it: was it meant to leave?',
    'Find who receives at the destination; ask them to delete it where it was an accident.',
    'Read what the session read just before: an order to send it is often there.',
  ],
  detect(input) {
    const { session, event, baseline } = input
    if (!session.firstOfCall || session.traits.length === 0) return undefined
    const { server, tool } = event.data
    let strength = 0
    let reasons: Reason[] | undefined
    for (const name of session.traits) {
      const { trait, argument: source } = partsOf(name)
      if (trait !== 'copied' && trait !== 'carried') continue
      const place = placeOf(input)
      if (place.isAsked) continue
      const seen = baseline.parameters.trait(tool?.name ?? '', name)
      const isNewFlow =
        trait === 'carried' &&
        seen.sessions === 0 &&
        seen.calls >= LEAST_CALLS &&
        tool?.annotations?.openWorldHint === true &&
        !source.startsWith(`${server.id}/`)
      if (!isNewFlow && place.stranger === undefined) continue
      const nats = Math.max(seen.nats, 2) + (place.stranger === undefined ? 0 : STRANGER_NATS)
      strength = Math.max(strength, nats)
      reasons ??= []
      reasons.push({
        what: `arguments of \`${tool?.name ?? ''}\``,
        observed: `repeat words of a result of \`${source}\`${place.stranger === undefined ? '' : `, to a place (${place.stranger.kind}) that neither task nor role knows`}`,
        expected: `seen in ${seen.sessions} sessions, ${seen.calls} calls of the tool by role ${session.role}`,
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
    return reasons && { strength, reasons }
  },
})

interface Place {
  readonly isAsked: boolean
  /** never reached with this tool, and not named by the task */
  readonly stranger: Ref | undefined
}

/** Where the call goes: asked for when the task names a part of it and the rest is known. Who is new at a known domain is a colleague, and a link that a result has is followed. */
function placeOf({ session, event, baseline }: DetectorInput): Place {
  const tool = event.data.tool?.name ?? ''
  let isAsked = false
  let isKnownDomain = false
  let isLink = false
  let stranger: Ref | undefined
  for (const ref of event.data.refs ?? []) {
    if (ref.in !== 'args' || isAsk(ref)) continue
    const named = namedBy(session.sightingOf(ref.fp))
    if (ref.kind === 'url' && (named === 'text' || named === 'trusted')) isLink = true
    const isDomain = ref.kind === 'domain' || ref.kind === 'email'
    if (named === 'task') {
      isAsked = true
      isKnownDomain ||= isDomain
    } else if (PLACES.has(ref.kind)) {
      const reached = baseline.reach.surprise(tool, ref.kind, ref.fp)
      const isKnown = reached === undefined ? noveltyOf(baseline, ref.fp) < STRANGER_NATS : reached.sessions > 0
      if (isKnown) isKnownDomain ||= isDomain
      else stranger ??= ref
    }
  }
  if (isKnownDomain || isLink) stranger = undefined
  return { isAsked: isAsked && stranger === undefined, stranger }
}
