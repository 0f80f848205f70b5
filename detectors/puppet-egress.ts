import { type DetectorInput, defineDetector, type Effect, type Reason, type Ref, type Sighting } from 'belay'

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
    'Content that the PEP neither ships nor describes by refs.',
  ],
  runbook: [
    'Open the result that is named in the reasons and read the sentence that names the destination.',
    'Check whether the call went through; if so, undo it at its destination.',
    'Keep the session contained until the source of the content is cleaned or blocked.',
  ],
  detect(input) {
    const reasons: Reason[] = []
    let strength = 0
    if (input.session.firstOfCall && input.event.data.op === 'tools/call') {
      const call = callOf(input)
      strength = call.nats
      reasons.push(...call.reasons)
    }
    const egress = egressOf(input)
    if (egress.nats > 0) {
      strength = Math.max(strength, egress.nats)
      reasons.push(...egress.reasons)
    }
    return strength < LEAST_NATS ? undefined : { strength, reasons }
  },
})

interface Found {
  readonly nats: number
  /** of the destination */
  readonly kind?: string
  /** the task asks for what the tool does */
  readonly asked?: boolean
  readonly reason?: Reason
}
/** A task that asks for the action but names no destination for it makes one found on the way more likely to be wanted. */
const WANTED_NATS = 1
const NOTHING: Found = { nats: 0 }

/** The destination says most; that nobody but a result asked for the tool adds half of its own surprise. */
function callOf(input: DetectorInput): { nats: number; reasons: Reason[] } {
  let destination = NOTHING
  for (const ref of input.event.data.refs ?? []) {
    if (ref.in !== 'args' || ref.kind === 'ask' || ref.kind === 'act') continue
    const found = refOf(input, ref)
    if (found.nats > destination.nats) destination = found
  }
  const order = orderOf(input)
  const wanted = order.asked && !namesAnother(input, destination.kind) ? WANTED_NATS : 0
  const nats = Math.max(0, Math.max(destination.nats, order.nats) + Math.min(destination.nats, order.nats) / 2 - wanted)
  return { nats, reasons: [destination.reason, order.reason].filter((reason) => reason !== undefined) }
}

function namesAnother({ event }: DetectorInput, kind: string | undefined): boolean {
  return event.data.refs?.some((ref) => ref.in === 'intent' && ref.kind === kind) === true
}

function refOf(input: DetectorInput, ref: Ref): Found {
  const { session, baseline, event } = input
  const sighting = session.sightingOf(ref.fp)
  if (sighting?.inIntent) return NOTHING
  const used = baseline.destinations.used(ref.fp)
  const novelty = -Math.log((used.sessions + 0.5) / (baseline.sessions + 1))
  const nats = novelty === 0 ? 0 : Math.max(0, novelty + provenanceNats(ref, sighting, session.effect))
  return {
    nats,
    kind: ref.kind,
    reason: {
      what: `destination (${ref.kind}) of \`${event.data.tool?.name ?? event.data.op}\``,
      observed: sighting?.inUntrustedResult
        ? `appears only in the result of \`${sighting.tool ?? 'a tool'}\`${sighting.imperative ? ', in a sentence that tells its reader to act' : ''}`
        : 'appears neither in the task nor in any result',
      expected: `a destination the task names or the role uses; used unasked in ${used.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
      support: { sessions: baseline.sessions, agents: baseline.agents },
    },
  }
}

/**
 * What the place where a destination was named adds to its novelty, nats: an order in a result speaks for a puppet, a
 * value the agent made up speaks against one. Names are easily equal by chance; reading sends nothing away unless the
 * destination is an address on the network.
 */
function provenanceNats(ref: Ref, sighting: Sighting | undefined, effect: Effect): number {
  const place = sighting?.imperative ? 3 : sighting?.inUntrustedResult ? -1.5 : -4
  const soft = ref.kind === 'name' || ref.kind === 'user' ? -1.5 : 0
  const harmless = effect === 'read' && !REACHES_OUT.has(ref.kind) ? -1 : 0
  return place + soft + harmless
}

const REACHES_OUT: ReadonlySet<string> = new Set(['url', 'domain', 'ip'])

/** A sentence in a result asks for what this tool does, the task does not. */
function orderOf(input: DetectorInput): Found {
  const { event, session, baseline } = input
  const tool = event.data.tool?.name ?? ''
  const asks = event.data.refs?.filter((ref) => ref.in === 'args' && ref.kind === 'ask') ?? []
  const own = asks.length > 0 ? asks : (event.data.refs?.filter((ref) => ref.in === 'args' && ref.kind === 'act') ?? [])
  let by: Sighting | undefined
  for (const ref of own) {
    const sighting = session.sightingOf(ref.fp)
    if (sighting?.inIntent) return { nats: 0, asked: true }
    if (sighting?.imperative) by = sighting
  }
  if (by === undefined) return NOTHING
  const use = baseline.tools.unasked(event.data.server.id, tool)
  return {
    nats: use.nats * (session.effect === 'read' ? 0.4 : 0.8),
    reason: {
      what: `\`${tool}\``,
      observed: `asked for by a sentence in the result of \`${by.tool ?? 'a tool'}\`, not by the task`,
      expected: `role ${session.role} used it unasked in ${use.sessions} of ${baseline.sessions} sessions`,
      support: { sessions: baseline.sessions, agents: baseline.agents },
    },
  }
}

function egressOf(input: DetectorInput): { nats: number; reasons: Reason[] } {
  const { event, baseline, session } = input
  const reasons: Reason[] = []
  let nats = 0
  const tool = event.data.tool?.name ?? ''
  for (const to of event.data.egress ?? []) {
    for (const peer of [to.host ?? to.ip, to.country]) {
      if (peer === undefined) continue
      const own = baseline.destinations.egress(tool, peer)
      const any = baseline.destinations.egress('*', peer)
      const novelty = -Math.log((own.sessions + any.sessions / 2 + 0.5) / (baseline.sessions + 1))
      if (novelty < 3) continue
      nats = Math.max(nats, novelty)
      reasons.push({
        what: `\`${tool}\` connected to ${peer}`,
        observed: `seen in ${own.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
        expected: 'a host and country that the tool uses',
        support: { sessions: baseline.sessions, agents: baseline.agents },
      })
    }
  }
  return { nats, reasons }
}
