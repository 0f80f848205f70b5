import { type DetectorInput, defineDetector, type Reason, type Ref, type Sighting } from 'belay'

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
      if (call.reason) reasons.push(call.reason)
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
  readonly reason?: Reason
}

function callOf(input: DetectorInput): Found {
  let best: Found = { nats: 0 }
  for (const ref of input.event.data.refs ?? []) {
    if (ref.in !== 'args' || ref.kind === 'ask' || ref.kind === 'act') continue
    const found = refOf(input, ref)
    if (found.nats > best.nats) best = found
  }
  return best
}

function refOf(input: DetectorInput, ref: Ref): Found {
  const { session, baseline, event } = input
  const sighting = session.sightingOf(ref.fp)
  if (sighting?.inIntent) return { nats: 0 }
  const used = baseline.destinations.used(ref.fp)
  const novelty = -Math.log((used.sessions + 0.5) / (baseline.sessions + 1))
  const nats = novelty * provenance(ref, sighting) * (session.effect === 'read' ? 0.6 : 1)
  return {
    nats,
    reason: {
      what: `destination (${ref.kind}) of \`${event.data.tool?.name ?? event.data.op}\``,
      observed: sighting?.inUntrustedResult
        ? `appears only in the result of \`${sighting.tool ?? 'a tool'}\``
        : 'appears neither in the task nor in any result',
      expected: `a destination of the task or one the role uses; used in ${used.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
      support: { sessions: baseline.sessions, agents: baseline.agents },
    },
  }
}

function provenance(ref: Ref, sighting: Sighting | undefined): number {
  const hard = ref.kind !== 'name' && ref.kind !== 'user' ? 1 : 0.6
  if (sighting?.imperative) return 2 * hard
  if (sighting?.inUntrustedResult) return hard
  return 0.2 * hard
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
