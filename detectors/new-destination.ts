import { defineDetector, type Ref } from 'belay'

const LEAST_NATS = 3
/** uses of this kind of destination by the tool, before a new one says anything */
const LEAST_USES = 8
const NO_DESTINATION: ReadonlySet<string> = new Set(['ask', 'act', 'name', 'user'])

export default defineDetector({
  id: 'new-destination',
  title: 'Destination that is new to the role',
  description:
    'A tool is pointed at a domain, address, account, channel, repository or path that the role never reached with it and the task does not name. How usual a new one is, is learnt: a tool that goes somewhere else every time surprises nobody.',
  needs: ['refs'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0086', 'ASI02', 'MCP10'],
  knownGaps: [
    'A destination that the role uses anyway, for something else.',
    'A role whose tools go somewhere new every time.',
  ],
  runbook: [
    'Look up who owns the destination, and since when.',
    'See which results came before the call and what of them is in its arguments.',
    'If it is wanted, clear the session; the next baseline knows it.',
  ],
  detect({ event, session, baseline }) {
    const { refs } = event.data
    if (!session.firstOfCall || refs === undefined) return undefined
    const tool = event.data.tool?.name ?? ''
    let nats = LEAST_NATS
    let most: Ref | undefined
    for (const ref of refs) {
      if (ref.in !== 'args' || NO_DESTINATION.has(ref.kind)) continue
      const found = baseline.reach.surprise(tool, ref.kind, ref.fp)
      if (found === undefined || found.nats < nats || found.sessions > 0 || found.uses < LEAST_USES) continue
      if (session.sightingOf(ref.fp)?.inIntent === true) continue
      nats = found.nats
      most = ref
    }
    if (most === undefined) return undefined
    const known = baseline.reach.surprise(tool, most.kind, most.fp)
    return {
      strength: nats,
      reasons: [
        {
          what: `destination (${most.kind}) of \`${tool}\``,
          observed: 'never reached by the role with this tool, not named by the task',
          expected: `one of ${known?.values ?? 0} in ${known?.uses ?? 0} uses; a new one has probability ${Math.exp(-nats).toPrecision(2)}`,
          support: { sessions: baseline.sessions, agents: baseline.agents },
        },
      ],
    }
  },
})
