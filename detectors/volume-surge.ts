import { defineDetector, type Measure, type Reason } from 'belay'

/** A surge is at least this many times the most that the role ever took. */
const TIMES = 5
/** sessions behind the history that says so */
const LEAST_SESSIONS = 10

/** What is taken, and how much of it is too little to speak of whatever the history. */
const MEASURES = {
  'call.records': { unit: 'records from one call', least: 50 },
  'call.bytes': { unit: 'bytes from one call', least: 65_536 },
  'session.calls': { unit: 'calls in the session', least: 40 },
  'session.records': { unit: 'records in the session', least: 100 },
  'session.bytes': { unit: 'bytes in the session', least: 262_144 },
  'agent-hour.calls': { unit: 'calls of the agent in this hour', least: 200 },
  'agent-hour.bytes': { unit: 'bytes of the agent in this hour', least: 4_194_304 },
} as const satisfies Partial<Record<Measure, { readonly unit: string; readonly least: number }>>

export default defineDetector({
  id: 'volume-surge',
  title: 'Many times more than the role ever took',
  description:
    'One call, the session or the hour takes a multiple of the most that the whole history of the role has: 500 records where one is usual. The multiple grows with how much the role itself varies.',
  needs: [],
  whileLearning: false,
  contains: true,
  raises: { severity: 'high' },
  tags: ['AML.T0085.001', 'AML.T0034.002', 'ASI02', 'MCP10'],
  knownGaps: [
    'A role that already takes everything now and then.',
    'A PEP that states neither sizes nor records; then only calls are counted.',
    'The first use of a tool has no history to be a multiple of.',
  ],
  runbook: [
    'Open the call: which filter is missing, or which limit was raised?',
    'See what the session did with the result: an outbound call, a file, a message.',
    'If a planned export explains it, clear the session and give exports a role of their own.',
  ],
  detect({ event, session, baseline }) {
    const { result, tool } = event.data
    const look = (measure: keyof typeof MEASURES, value: number | undefined, of = ''): Found | undefined => {
      const { unit, least } = MEASURES[measure]
      if (value === undefined || value < least) return undefined
      const usual = baseline.volume.surprise(measure, value, of)
      if (usual === undefined || usual.sessions < LEAST_SESSIONS) return undefined
      const times = Math.max(TIMES, (usual.highest + 1) / (usual.typical + 1))
      if (value < times * (usual.highest + 1)) return undefined
      const { sessions, agents, typical, highest } = usual
      return {
        strength: usual.nats,
        reason: {
          what: of === '' ? unit : `${unit} of \`${of}\``,
          observed: `${value}`,
          expected: `about ${typical}, at most ${highest} for role ${session.role}`,
          support: { sessions, agents },
        },
      }
    }
    const name = tool?.name ?? ''
    // The narrowest measure names the cause best.
    const found =
      look('call.records', result?.records, name) ??
      look('call.bytes', result?.bytes, name) ??
      (result?.records === undefined ? undefined : look('session.records', session.records)) ??
      (result?.bytes === undefined ? undefined : look('session.bytes', session.bytes)) ??
      (session.firstOfCall ? look('session.calls', session.calls) : undefined) ??
      (session.firstOfCall ? look('agent-hour.calls', session.agentHour.calls) : undefined) ??
      (result?.bytes === undefined ? undefined : look('agent-hour.bytes', session.agentHour.bytes))
    return found && { strength: found.strength, reasons: [found.reason] }
  },
})

interface Found {
  readonly strength: number
  readonly reason: Reason
}
