import type { Suspect } from '../model/index.ts'

/** Sessions of a role on one day, and those among them that used the tool. */
export interface ToolDay {
  /** days since the epoch */
  readonly day: number
  readonly sessions: number
  readonly using: number
}

/** How the sessions since a change are spread over the role's agents. */
export interface AgentShare {
  readonly agent: string
  readonly sessions: number
  readonly using: number
}

/** days at the beginning of the history that are taken as they are: there is nothing before them to change from */
const SETTLED_DAYS = 7
/** nats that a change, and then its narrowness, must reach: once in 20,000 looks by chance */
const LEAST_NATS = 10

/**
 * The day from which a tool is used more than before: the best split of the days into two rates (generalised likelihood
 * ratio of a change in a Bernoulli rate, Lorden 1971). Undefined where nothing changed for certain. `days` in order.
 */
export function changedSince(days: readonly ToolDay[]): number | undefined {
  const first = days[0]?.day ?? 0
  const all = sumOf(days)
  const unchanged = likelihood(all.using, all.sessions)
  let before = { sessions: 0, using: 0 }
  let since: number | undefined
  let most = LEAST_NATS
  for (const { day, sessions, using } of days) {
    const after = { sessions: all.sessions - before.sessions, using: all.using - before.using }
    if (day - first >= SETTLED_DAYS && after.using * before.sessions > before.using * after.sessions) {
      const nats = likelihood(before.using, before.sessions) + likelihood(after.using, after.sessions) - unchanged
      if (nats > most) {
        most = nats
        since = day
      }
    }
    before = { sessions: before.sessions + sessions, using: before.using + using }
  }
  return since
}

/**
 * Whether few of the role's agents made the change: how unlikely it is that sessions which use the tool belong to so few
 * agents by chance, whichever they are, were the tool the whole role's. A role of one agent is never suspect: nobody
 * else could show that it is not the role's work.
 */
export function isNarrow(agents: readonly AgentShare[]): boolean {
  const users = agents.filter(({ using }) => using > 0)
  const all = sumOf(agents)
  const share = sumOf(users).sessions / all.sessions
  const nats = -all.using * Math.log(share) - lnChoose(agents.length, users.length)
  return nats >= LEAST_NATS
}

export function suspectOf(tool: string, server: string, sinceDay: number, agents: readonly AgentShare[]): Suspect {
  const users = agents.filter(({ using }) => using > 0)
  return { tool, server, sinceDay, sessions: sumOf(users).using, agents: users.length, ofAgents: agents.length }
}

function sumOf(parts: readonly { readonly sessions: number; readonly using: number }[]) {
  let [sessions, using] = [0, 0]
  for (const part of parts) {
    sessions += part.sessions
    using += part.using
  }
  return { sessions, using }
}

/** Largest log likelihood of `using` of `sessions`. */
function likelihood(using: number, sessions: number): number {
  const term = (count: number): number => (count === 0 ? 0 : count * Math.log(count / sessions))
  return term(using) + term(sessions - using)
}

function lnChoose(of: number, some: number): number {
  let nats = 0
  for (let i = 1; i <= some; i++) nats += Math.log((of - some + i) / i)
  return nats
}
