import { type DetectorInput, defineDetector, type Reason } from 'belay'

const LEAST_NATS = 3

export default defineDetector({
  id: 'new-tool-for-role',
  title: 'Tool that the role does not use',
  description:
    'The role never or hardly ever uses this tool. It weighs more when the tool changes something and when the task, where it is known, asks for nothing of the kind.',
  ops: ['tools/call'],
  needs: ['tool.name'],
  whileLearning: false,
  contains: true,
  tags: ['AML.T0053', 'ASI03', 'MCP02'],
  knownGaps: [
    'A tool that is new to everyone surprises every role that gets it, by half when its definition was read.',
    'Misuse of a tool that the role uses daily.',
  ],
  runbook: [
    'See who gave the role access to the tool and when.',
    'Read what the session looked at just before the call.',
    'If the tool is meant to be used, clear the session; else take it out of the role.',
  ],
  detect(input) {
    const { event, session, baseline } = input
    if (!session.firstOfCall) return undefined
    const tool = event.data.tool?.name ?? ''
    const use = baseline.tools.surprise(event.data.server.id, tool)
    // Neither effect nor task makes it more: most calls end here.
    if (use.nats < LEAST_NATS) return undefined
    const asked = askedByTask(input)
    const strength =
      use.nats *
      // New to everyone, by a definition that was read: work has changed, rather than the session.
      (input.fleet.callsNewcomer ? 0.5 : 1) *
      (session.effect === 'side-effect' ? 1 : session.effect === 'unknown' ? 0.8 : 0.5) *
      (asked ? 0.6 : 1)
    if (strength < LEAST_NATS) return undefined
    const reasons: Reason[] = [
      {
        what: `\`${tool}\` of server ${event.data.server.id}`,
        observed:
          withheldOf(input) ?? `used in ${use.sessions} of ${baseline.sessions} sessions of role ${session.role}`,
        expected: 'a tool the role uses',
        support: { sessions: baseline.sessions, agents: baseline.agents },
      },
    ]
    if (asked === false)
      reasons.push({
        what: 'the task',
        observed: `asks for nothing that \`${tool}\` does`,
        expected: 'a call the task asks for',
      })
    return { strength, reasons }
  },
})

/** Said of a tool whose history is not believed. */
function withheldOf({ event, baseline }: DetectorInput): string | undefined {
  const { server, tool } = event.data
  const suspect = baseline.suspects?.find((one) => one.server === server.id && one.tool === tool?.name)
  if (suspect === undefined) return undefined
  const { sessions, agents, ofAgents } = suspect
  return `used in ${sessions} sessions of only ${agents} of ${ofAgents} agents lately: withheld, the baseline may be poisoned`
}

/** Undefined where the task or what the tool does is not known. */
function askedByTask({ event, session }: DetectorInput): boolean | undefined {
  const asks = event.data.refs?.filter((ref) => ref.in === 'args' && ref.kind === 'act') ?? []
  if (asks.length === 0 || event.data.intent === undefined) return undefined
  return asks.some((ref) => session.sightingOf(ref.fp)?.inIntent === true)
}
