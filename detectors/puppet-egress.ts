import {
  type Baseline,
  type DetectorInput,
  defineDetector,
  type Effect,
  type Egress,
  type Reason,
  type Ref,
  type Sighting,
} from 'belay'

const LEAST_NATS = 1

export default defineDetector({
  id: 'puppet-egress',
  title: 'Call that only untrusted content asked for',
  description:
    "A tool's result names a destination, or tells its reader to do something, and a call then does that although neither the task nor the role's history has it.",
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0051.001', 'AML.T0086', 'ASI01', 'MCP06'],
  knownGaps: [
    'An order that names no destination and asks for what the task asks for as well.',
    'A task that says to follow what a page or message says: the page then names what the user wants.',
    'Content that the PEP neither ships nor describes by refs.',
  ],
  runbook: [
    'Open the result that is named in the reasons and read the sentence that names the destination.',
    'Check whether the call went through; if so, undo it at its destination.',
    'Keep the session contained until the source of the content is cleaned or blocked.',
  ],
  detect(input) {
    const call = input.session.firstOfCall && input.event.data.op === 'tools/call' ? callOf(input) : undefined
    const egress = input.event.data.egress === undefined ? undefined : egressOf(input, input.event.data.egress)
    const strength = Math.max(call?.strength ?? 0, egress?.strength ?? 0)
    if (strength < LEAST_NATS) return undefined
    return { strength, reasons: [...(call?.reasons ?? []), ...(egress?.reasons ?? [])] }
  },
})

interface Found {
  readonly strength: number
  readonly reasons: readonly Reason[]
}

/** A task that asks for the action but names no destination for it makes one found on the way more likely to be wanted. */
const WANTED_NATS = 1

/** The destination says most; that nobody but a result asked for the tool adds half of its own surprise. */
function callOf(input: DetectorInput): Found | undefined {
  const { refs } = input.event.data
  if (refs === undefined) return undefined
  let ref: Ref | undefined
  let most = 0
  for (const candidate of refs) {
    if (candidate.in !== 'args' || candidate.kind === 'ask' || candidate.kind === 'act') continue
    const nats = destinationNats(input, candidate)
    if (nats > most) {
      most = nats
      ref = candidate
    }
  }
  const order = orderOf(input, refs)
  const wanted = order === 'wanted' && !refs.some((other) => other.in === 'intent' && other.kind === ref?.kind)
  const orderNats = typeof order === 'object' ? unaskedNats(input) : 0
  const strength = Math.max(most, orderNats) + Math.min(most, orderNats) / 2 - (wanted ? WANTED_NATS : 0)
  if (strength < LEAST_NATS) return undefined
  const reasons: Reason[] = []
  if (ref !== undefined) reasons.push(destinationReason(input, ref))
  if (typeof order === 'object') reasons.push(orderReason(input, order))
  return { strength, reasons }
}

/** -ln of the share of sessions that used the destination unasked, and what the place adds that named it. */
function destinationNats({ session, baseline }: DetectorInput, ref: Ref): number {
  const sighting = session.sightingOf(ref.fp)
  if (sighting?.inIntent) return 0
  const used = baseline.destinations.used(ref.fp).sessions
  return Math.max(0, Math.log((baseline.sessions + 1) / (used + 0.5)) + placeNats(ref, sighting, session.effect))
}

const REACHES_OUT: ReadonlySet<string> = new Set(['url', 'domain', 'ip'])

/**
 * What the place where a destination was named adds to its novelty, nats: an order in a result speaks for a puppet, a
 * value the agent made up speaks against one. Names are easily equal by chance; reading sends nothing away unless the
 * destination is an address on the network.
 */
function placeNats(ref: Ref, sighting: Sighting | undefined, effect: Effect): number {
  const place = sighting?.imperative ? 3 : sighting?.inUntrustedResult ? -1.5 : -4
  const soft = ref.kind === 'name' || ref.kind === 'user' ? -1.5 : 0
  const harmless = effect === 'read' && !REACHES_OUT.has(ref.kind) ? -1 : 0
  return place + soft + harmless
}

/**
 * Who asked for what this tool does: the task (`wanted`), else the order in a result, else nobody. An action on a kind
 * of thing (`ask`) is compared where the tool's name has one, else the action alone (`act`).
 */
function orderOf({ session }: DetectorInput, refs: readonly Ref[]): Sighting | 'wanted' | undefined {
  const kind = refs.some((ref) => ref.in === 'args' && ref.kind === 'ask') ? 'ask' : 'act'
  let order: Sighting | undefined
  for (const ref of refs) {
    if (ref.in !== 'args' || ref.kind !== kind) continue
    const sighting = session.sightingOf(ref.fp)
    if (sighting?.inIntent) return 'wanted'
    if (sighting?.imperative) order = sighting
  }
  return order
}

function unaskedNats({ event, session, baseline }: DetectorInput): number {
  const use = baseline.tools.unasked(event.data.server.id, event.data.tool?.name ?? '')
  return use.nats * (session.effect === 'read' ? 0.4 : 0.8)
}

function destinationReason({ event, session, baseline }: DetectorInput, ref: Ref): Reason {
  const sighting = session.sightingOf(ref.fp)
  const used = baseline.destinations.used(ref.fp)
  const order = sighting?.imperative ? ', in a sentence that tells its reader to act' : ''
  return {
    what: `destination (${ref.kind}) of \`${event.data.tool?.name ?? event.data.op}\``,
    observed: sighting?.inUntrustedResult
      ? `appears only in the result of \`${sighting.tool ?? 'a tool'}\`${order}`
      : 'appears neither in the task nor in any result',
    expected: `a destination that the task names or the role uses: used unasked in ${used.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
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

/** novelty below which a connection is no news: seen in about one session in twenty */
const KNOWN_PEER_NATS = 3

/** Connections to a host, port or country that neither the tool nor, half as telling, the role ever had. */
function egressOf({ event, baseline, session }: DetectorInput, egress: readonly Egress[]): Found {
  const reasons: Reason[] = []
  const tool = event.data.tool?.name ?? ''
  let strength = 0
  for (const to of egress) {
    for (const { peer, of } of peersOf(to, baseline)) {
      const own = baseline.destinations.egress(tool, peer)
      const role = baseline.destinations.egress('*', peer)
      const nats = Math.log((of + 1) / (own.sessions + role.sessions / 2 + 0.5))
      if (nats < KNOWN_PEER_NATS) continue
      strength = Math.max(strength, nats)
      reasons.push({
        what: `\`${tool}\` connected to ${peer}`,
        observed: `seen in ${own.sessions} of ${of} sessions of role ${session.role} with this tool, ${role.sessions} with any`,
        expected: 'a host, port and country that the tool uses',
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
  }
  return { strength, reasons }
}

interface Peer {
  readonly peer: string
  /** sessions that could have shown it */
  readonly of: number
}

/** A port is news only of a host whose ports the history states: a PEP that begins to state them is no attack. */
function peersOf({ host, ip, port, country }: Egress, baseline: Baseline): readonly Peer[] {
  const name = host ?? ip
  const peers: Peer[] = []
  if (name !== undefined) peers.push({ peer: name, of: baseline.sessions })
  if (country !== undefined) peers.push({ peer: country, of: baseline.sessions })
  if (name !== undefined && port !== undefined)
    peers.push({ peer: `${name}:${port}`, of: baseline.destinations.egress('*', `${name}:*`).sessions })
  return peers
}
