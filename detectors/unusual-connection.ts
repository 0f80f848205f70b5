import { type Baseline, type DetectorInput, defineDetector, type Egress, type Reason, type Signal } from 'belay'

/** novelty below which a connection is no news: seen in about one session in twenty */
const KNOWN_PEER_NATS = 3

export default defineDetector({
  id: 'unusual-connection',
  title: 'Connection that the tool never makes',
  description: 'A tool connects to a host, port or country that neither it nor the role ever had.',
  needs: ['egress'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0086', 'ASI02', 'MCP06'],
  knownGaps: [
    'Connections that the PEP, proxy or sandbox does not report.',
    'A known host behind which someone else now answers.',
  ],
  runbook: [
    'Find out whose host it is and what was sent (bytes out, the call before it).',
    'Check whether the tool’s implementation or its dependencies changed.',
    'Block the host at the proxy until it is explained.',
  ],
  detect: connections,
})

/** Half as telling is a peer that another tool of the role has. */
function connections({ event, baseline, session }: DetectorInput): Signal | undefined {
  const reasons: Reason[] = []
  const tool = event.data.tool?.name ?? ''
  let strength = 0
  for (const to of event.data.egress ?? []) {
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
  return reasons.length === 0 ? undefined : { strength, reasons }
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
