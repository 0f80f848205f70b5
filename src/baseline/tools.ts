import type { Surprise, ToolProfile } from '../model/index.ts'
import { type ProfileDefinition, type ProfileRow, type Totals, UNIT } from './profile.ts'

/** `act` and `ask` refs of a tool's name that the task has too (refs are compared as fingerprints). */
const ASKED = `hasAny(arrayFilter((f, i) -> i = 'intent', refs.fp, refs.in),
                 arrayFilter((f, i, k) -> i = 'args' AND k = if(has(refs.kind, 'ask'), 'ask', 'act'), refs.fp, refs.in, refs.kind))`

/** In how many sessions the role used each tool of each server, and in how many without the task asking for it. */
export const tools: ProfileDefinition<'tools'> = {
  name: 'tools',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, server AS key, tool AS subkey, count() AS n
    FROM calls WHERE tool != '' GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey
    UNION ALL
    SELECT tenant, role, agent_id, session_id, day, fold, server AS key, concat(tool, '\\x1funasked') AS subkey, count() AS n
    FROM calls WHERE tool != '' AND NOT ${ASKED}
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileTools,
}

/** `nats` = -ln of the share of sessions that use the tool, half a session added so that a new tool has a finite one. */
export function compileTools(rows: readonly ProfileRow[], totals: Totals): ToolProfile {
  const natsOf = (sessions: number): number => -Math.log(Math.min(1, (sessions + 0.5) / (totals.sessions + 1)))
  const used = new Map<string, Map<string, Surprise>>()
  const unasked = new Map<string, Map<string, Surprise>>()
  for (const { key, subkey, sessions, agents } of rows) {
    const [tool = '', how] = subkey.split(UNIT)
    const servers = how === undefined ? used : unasked
    const tools = servers.get(key) ?? new Map<string, Surprise>()
    servers.set(key, tools.set(tool, { nats: natsOf(sessions), sessions, agents }))
  }
  const never = { nats: totals.sessions === 0 ? 0 : natsOf(0), sessions: 0, agents: 0 }
  return {
    surprise: (server, tool) => used.get(server)?.get(tool) ?? never,
    unasked: (server, tool) => unasked.get(server)?.get(tool) ?? never,
  }
}
