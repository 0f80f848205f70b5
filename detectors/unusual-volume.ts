import { type Baseline, defineDetector, type Measure, type Reason } from 'belay'

const LEAST_NATS = 3

const UNITS = {
  'call.bytes': 'bytes from one call',
  'call.records': 'records from one call',
  'session.calls': 'calls in the session',
  'session.bytes': 'bytes in the session',
  'session.records': 'records in the session',
  'agent-hour.calls': 'calls of the agent in this hour',
  'agent-hour.bytes': 'bytes of the agent in this hour',
} as const satisfies Partial<Record<Measure, string>>

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
    const found = new Found(baseline, session.role)
    if (session.firstOfCall) {
      found.look('session.calls', session.calls)
      found.look('agent-hour.calls', session.agentHour.calls)
    }
    if (data.result !== undefined) {
      const tool = data.tool?.name ?? ''
      found.look('call.bytes', data.result.bytes, tool)
      found.look('call.records', data.result.records, tool)
      if (data.result.bytes !== undefined) {
        found.look('session.bytes', session.bytes)
        found.look('agent-hour.bytes', session.agentHour.bytes)
      }
      if (data.result.records !== undefined) found.look('session.records', session.records)
    }
    return found.reasons === undefined ? undefined : { strength: found.nats, reasons: found.reasons }
  },
})

/** The most surprising measure counts, since all of them grow together; every one that surprises is a reason. */
class Found {
  nats = 0
  reasons: Reason[] | undefined
  private readonly baseline: Baseline
  private readonly role: string

  constructor(baseline: Baseline, role: string) {
    this.baseline = baseline
    this.role = role
  }

  look(measure: keyof typeof UNITS, value: number | undefined, tool = ''): void {
    if (value === undefined) return
    const surprise = this.baseline.volume.surprise(measure, value, tool)
    if (surprise === undefined || surprise.nats < LEAST_NATS) return
    this.nats = Math.max(this.nats, surprise.nats)
    this.reasons ??= []
    this.reasons.push({
      what: tool === '' ? UNITS[measure] : `${UNITS[measure]} of \`${tool}\``,
      observed: `${value}`,
      expected: `about ${surprise.typical}, at most ${surprise.highest} for role ${this.role}`,
      support: { sessions: surprise.sessions, agents: surprise.agents },
    })
  }
}
