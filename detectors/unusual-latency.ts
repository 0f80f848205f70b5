import { defineDetector, type Reason } from 'belay'

const LEAST_NATS = 4
/** below these nothing is worth a word: milliseconds, percent of one processor, megabytes */
const LEAST = { duration: 1_000, cpu: 50, memory: 256 } as const

export default defineDetector({
  id: 'unusual-latency',
  title: 'Tool that takes far more than it used to',
  description:
    'A call lasts much longer, or uses much more processor time or memory, than calls of this tool do for the role.',
  needs: [],
  whileLearning: false,
  contains: false,
  tags: ['AML.T0034.002', 'ASI08'],
  knownGaps: [
    'A slow network looks like a slow tool.',
    'Most PEPs do not state processor time and memory.',
    'Less than usual is not judged.',
  ],
  runbook: [
    'Compare with the same tool called by other roles in the same minutes.',
    'Look at the arguments: do they make the tool do more?',
    'On the host, look for a process that the tool started.',
  ],
  detect({ event, session, baseline }) {
    const { result, env, tool } = event.data
    const durationMs = result?.duration_ms ?? 0
    const cpu = env?.cpu_pct ?? 0
    const memory = env?.mem_mb ?? 0
    if (durationMs < LEAST.duration && cpu < LEAST.cpu && memory < LEAST.memory) return undefined
    const name = tool?.name ?? ''
    let strength = 0
    let reasons: Reason[] | undefined
    const look = (what: string, unit: string, value: number, usual: Usual | undefined): void => {
      if (usual === undefined || usual.nats < LEAST_NATS) return
      strength = Math.max(strength, usual.nats)
      reasons ??= []
      reasons.push({
        what: `${what} of \`${name}\``,
        observed: `${Math.round(value)} ${unit}`,
        expected: `about ${usual.typical} ${unit} for role ${session.role}`,
        support: { sessions: usual.sessions, agents: usual.agents },
      })
    }
    if (durationMs >= LEAST.duration) look('duration', 'ms', durationMs, baseline.latency.surprise(name, durationMs))
    if (cpu >= LEAST.cpu) look('processor use', '%', cpu, baseline.volume.surprise('call.cpu', cpu, name))
    if (memory >= LEAST.memory) look('memory', 'MB', memory, baseline.volume.surprise('call.memory', memory, name))
    return reasons && { strength, reasons }
  },
})

interface Usual {
  readonly nats: number
  readonly typical: number
  readonly sessions: number
  readonly agents: number
}
