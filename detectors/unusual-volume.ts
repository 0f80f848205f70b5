import { type Baseline, defineDetector, type Measure, type Reason } from 'belay'

const LEAST_NATS = 3

const UNITS: Readonly<Record<Measure, string>> = {
  'call.bytes': 'bytes from one call',
  'call.records': 'records from one call',
  'session.calls': 'calls in the session',
  'session.bytes': 'bytes in the session',
  'session.records': 'records in the session',
  'agent-hour.calls': 'calls of the agent in this hour',
  'agent-hour.bytes': 'bytes of the agent in this hour',
}

export default defineDetector({
  id: 'unusual-volume',
  title: 'More than the role ever takes',
  description:
    'Calls, bytes or records of a call, of the session so far or of the agent in this hour lie beyond what the role usually reaches.',
  needs: [],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0025', 'ASI02', 'MCP10'],
  knownGaps: [
    'Slow collection that stays under each hour and each session.',
    'A measure that the PEP does not state is not judged.',
  ],
  runbook: [
    'Open the calls behind the number: which tool, which records, in which minutes?',
    'Look for an outbound call after them.',
    'If a batch job explains it, give the job a role of its own.',
  ],
  detect({ event, session, baseline }) {
    const { data } = event
    const found: { nats: number; reasons: Reason[] } = { nats: 0, reasons: [] }
    const look = (measure: Measure, value: number | undefined, tool?: string): void => {
      if (value === undefined) return
      const surprise = baseline.volume.surprise(measure, value, tool)
      if (surprise === undefined || surprise.nats < LEAST_NATS) return
      found.nats = Math.max(found.nats, surprise.nats)
      found.reasons.push(reasonOf(measure, value, tool, surprise, session.role))
    }
    if (session.firstOfCall) {
      look('session.calls', session.calls)
      look('agent-hour.calls', session.agentHour.calls)
    }
    if (data.result !== undefined) {
      const tool = data.tool?.name ?? ''
      look('call.bytes', data.result.bytes, tool)
      look('call.records', data.result.records, tool)
      if (data.result.bytes !== undefined) {
        look('session.bytes', session.bytes)
        look('agent-hour.bytes', session.agentHour.bytes)
      }
      if (data.result.records !== undefined) look('session.records', session.records)
    }
    return found.reasons.length === 0 ? undefined : { strength: found.nats, reasons: found.reasons }
  },
})

function reasonOf(
  measure: Measure,
  value: number,
  tool: string | undefined,
  surprise: NonNullable<ReturnType<Baseline['volume']['surprise']>>,
  role: string,
): Reason {
  return {
    what: tool === undefined || tool === '' ? UNITS[measure] : `${UNITS[measure]} of \`${tool}\``,
    observed: `${value}`,
    expected: `about ${surprise.typical}, at most ${surprise.highest} for role ${role}`,
    support: { sessions: surprise.sessions, agents: surprise.agents },
  }
}
