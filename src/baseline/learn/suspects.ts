import type { Suspect, ToolEvent } from '../../model/index.ts'
import { type AgentShare, changedSince, isNarrow, suspectOf, type ToolDay } from '../poison.ts'
import { UNIT } from '../profile.ts'
import type { FoldRow, RoleHead } from './history.ts'
import { DAY_MS, type LearnInput, type LearnSettings } from './settings.ts'

/** Sessions that count for a change; what an analyst has cleared is wanted. */
const LEARNT = `
  SELECT agent_id, session_id, day FROM learnt_sessions
  WHERE tenant = {tenant:String} AND role = {role:String}
    AND day >= toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC'))
    AND (agent_id, session_id) NOT IN (SELECT agent_id, session_id FROM session_clearances WHERE tenant = {tenant:String})`

const CALLS = `
  SELECT DISTINCT server, tool, agent_id, session_id FROM events
  WHERE tenant = {tenant:String} AND role = {role:String} AND tool != '' AND first_of_call
    AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')`

/**
 * Tools that few of the role's agents have lately made part of its history: an alarm on the baseline itself, against
 * an action that is dripped into a role below every threshold until it is normal.
 */
export async function suspectsOf(
  input: LearnInput,
  settings: LearnSettings,
  { tenant, role }: RoleHead,
): Promise<readonly Suspect[]> {
  const parameters = { tenant, role, from_ms: input.nowMs - settings.windowDays * DAY_MS }
  const suspects: Suspect[] = []
  for (const { server, tool, days } of await toolDays(input, parameters)) {
    const sinceDay = changedSince(days)
    if (sinceDay === undefined) continue
    const agents = await agentShares(input, { ...parameters, server, tool, since_day: sinceDay })
    if (isNarrow(agents)) suspects.push(suspectOf(tool, server, sinceDay, agents))
  }
  return suspects
}

/** To the tools profile a suspect is as if it had never been used. */
export function withoutSuspects(rows: readonly FoldRow[], suspects: readonly Suspect[]): readonly FoldRow[] {
  if (suspects.length === 0) return rows
  return rows.filter(
    ({ profile, key, subkey }) =>
      profile !== 'tools' ||
      !suspects.some(({ server, tool }) => key === server && (subkey === tool || subkey.startsWith(tool + UNIT))),
  )
}

export function isSuspect({ data }: ToolEvent, suspects: readonly Suspect[]): boolean {
  return suspects.some(({ server, tool }) => data.server.id === server && data.tool?.name === tool)
}

interface ToolHistory {
  readonly server: string
  readonly tool: string
  readonly days: readonly ToolDay[]
}

async function toolDays({ store }: LearnInput, parameters: Parameters): Promise<readonly ToolHistory[]> {
  const totals = await store.query<{ day: number | string; sessions: number | string }>(
    `SELECT toRelativeDayNum(day) AS day, count() AS sessions FROM (${LEARNT}) GROUP BY day ORDER BY day`,
    parameters,
  )
  const uses = await store.query<{ server: string; tool: string; days: number[]; counts: (number | string)[] }>(
    `SELECT server, tool, groupArray(day) AS days, groupArray(sessions) AS counts FROM (
       SELECT c.server AS server, c.tool AS tool, toRelativeDayNum(s.day) AS day, count() AS sessions
       FROM (${CALLS}) AS c INNER JOIN (${LEARNT}) AS s USING (agent_id, session_id)
       GROUP BY server, tool, day
     ) GROUP BY server, tool ORDER BY server, tool`,
    parameters,
  )
  return uses.map(({ server, tool, days, counts }) => {
    const using = new Map(days.map((day, i) => [Number(day), Number(counts[i] ?? 0)]))
    return {
      server,
      tool,
      days: totals.map(({ day, sessions }) => ({
        day: Number(day),
        sessions: Number(sessions),
        using: using.get(Number(day)) ?? 0,
      })),
    }
  })
}

async function agentShares({ store }: LearnInput, parameters: Parameters): Promise<readonly AgentShare[]> {
  const rows = await store.query<Record<keyof AgentShare, string | number>>(
    `SELECT agent_id AS agent, count() AS sessions,
            countIf((agent_id, session_id) IN (
              SELECT agent_id, session_id FROM (${CALLS}) WHERE server = {server:String} AND tool = {tool:String})) AS using
     FROM (${LEARNT}) WHERE toRelativeDayNum(day) >= {since_day:UInt32} GROUP BY agent ORDER BY agent`,
    parameters,
  )
  return rows.map(({ agent, sessions, using }) => ({
    agent: String(agent),
    sessions: Number(sessions),
    using: Number(using),
  }))
}

type Parameters = Readonly<Record<string, string | number>>
