import type { Surprise, Surrounding, SurroundingsProfile } from '../model/index.ts'
import type { ProfileDefinition, ProfileRow } from './profile.ts'

/** Region, country, host and posture of the role's sessions, as the PEP states them, and the agents that had them. */
export const surroundings: ProfileDefinition<'surroundings'> = {
  name: 'surroundings',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, tupleElement(stated, 1) AS key, tupleElement(stated, 2) AS subkey, 1 AS n
    FROM (SELECT *, JSONExtractString(event, 'data', 'env', 'country') AS env_country FROM calls)
    ARRAY JOIN [('region', toString(env_region)), ('country', env_country), ('host', toString(env_host)),
                ('posture', toString(env_posture)), ('agent', agent_id)] AS stated
    WHERE subkey != ''
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileSurroundings,
}

interface Kind {
  readonly values: Map<string, ProfileRow>
  sessions: number
  /** values seen in one session only */
  singletons: number
  usual: string
}

/**
 * `nats` of a value that was seen: -ln of its share of sessions. Of a new one: -ln of the probability that the next
 * session brings a value never seen, by the share of values that were seen once (Good 1953): where hosts come and go, a
 * new host is no news.
 */
export function compileSurroundings(rows: readonly ProfileRow[]): SurroundingsProfile {
  const kinds = new Map<string, Kind>()
  for (const row of rows) {
    const kind = kinds.get(row.key) ?? { values: new Map(), sessions: 0, singletons: 0, usual: row.subkey }
    kinds.set(row.key, kind)
    kind.values.set(row.subkey, row)
    kind.sessions += row.sessions
    if (row.sessions <= 1) kind.singletons++
    if (row.sessions > (kind.values.get(kind.usual)?.sessions ?? 0)) kind.usual = row.subkey
  }
  return {
    surprise(name: Surrounding, value: string) {
      const kind = kinds.get(name)
      if (kind === undefined) return undefined
      const seen = kind.values.get(value)
      const p = ((seen?.sessions ?? kind.singletons) + 0.5) / (kind.sessions + 1)
      const surprise: Surprise = {
        nats: -Math.log(Math.min(1, p)),
        sessions: seen?.sessions ?? 0,
        agents: seen?.agents ?? 0,
      }
      return { ...surprise, of: kind.sessions, usual: kind.usual }
    },
  }
}
