import { type DetectorInput, defineDetector, type Measure, type Signal } from 'belay'

/** A surge is at least this many times the most that the role ever took. */
const TIMES = 5
/** values behind the history that says so */
const LEAST_VALUES = 10

/** What is taken, and how much of it is too little to speak of whatever the history. */
const MEASURES = {
  'call.records': { unit: 'records from one call', least: 50 },
  'call.bytes': { unit: 'bytes from one call', least: 65_536 },
  'call.cpu': { unit: 'percent of a processor during a call', least: 100 },
  'call.memory': { unit: 'megabytes during a call', least: 1_024 },
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
    'One call, the session or the hour takes a multiple of the most that the whole history of the role has: 500 records where one is usual. Processor time and memory count too, where the PEP states them. The multiple grows with how much the role itself varies.',
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
  detect(input) {
    const { event, session } = input
    const { result, tool, env } = event.data
    const name = tool?.name ?? ''
    const { agentHour } = session
    // The narrowest measure names the cause best.
    return (
      surge(input, 'call.records', result?.records, name) ??
      surge(input, 'call.bytes', result?.bytes, name) ??
      surge(input, 'call.cpu', env?.cpu_pct, name) ??
      surge(input, 'call.memory', env?.mem_mb, name) ??
      (result?.records === undefined ? undefined : surge(input, 'session.records', session.records)) ??
      (result?.bytes === undefined ? undefined : surge(input, 'session.bytes', session.bytes)) ??
      (session.firstOfCall ? surge(input, 'session.calls', session.calls) : undefined) ??
      (session.firstOfCall ? surge(input, 'agent-hour.calls', agentHour.calls) : undefined) ??
      (result?.bytes === undefined ? undefined : surge(input, 'agent-hour.bytes', agentHour.bytes))
    )
  },
})

function surge(
  { session, baseline }: DetectorInput,
  measure: keyof typeof MEASURES,
  value: number | undefined,
  tool = '',
): Signal | undefined {
  const { unit, least } = MEASURES[measure]
  if (value === undefined || value < least) return undefined
  const usual = baseline.volume.surprise(measure, value, tool)
  if (usual === undefined || usual.values < LEAST_VALUES) return undefined
  const { sessions, agents, typical, highest, nats } = usual
  const times = Math.max(TIMES, (highest + 1) / (typical + 1))
  if (value < times * (highest + 1)) return undefined
  const reason = {
    what: tool === '' ? unit : `${unit} of \`${tool}\``,
    observed: `${value}`,
    expected: `about ${typical}, at most ${highest} for role ${session.role}`,
    support: { sessions, agents },
  }
  return { strength: nats, reasons: [reason] }
}
