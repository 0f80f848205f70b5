import type { ReachProfile } from '../model/index.ts'
import { type ProfileDefinition, type ProfileRow, UNIT } from './profile.ts'

/** Whom and what the role's tools reach, whoever asked for it: every destination-like value of every tool, by its kind. */
export const reach: ProfileDefinition<'reach'> = {
  name: 'reach',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, concat(tool, '\\x1f', kind) AS key, fp AS subkey, 1 AS n
    FROM calls ARRAY JOIN refs.in AS place, refs.kind AS kind, refs.fp AS fp
    WHERE place = 'args' AND kind NOT IN ('ask', 'act', 'name', 'user')
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileReach,
}

interface Kind {
  readonly values: Map<string, ProfileRow>
  /** uses, each value counted once per session */
  uses: number
  /** values seen in one session only */
  singletons: number
}

/**
 * `nats` of a known value: -ln of its share of uses. Of a new one: -ln of the probability that the next use brings a
 * value never seen, which is the share of values seen once (Good 1953). A tool that goes somewhere else every time
 * surprises nobody by doing it again.
 */
export function compileReach(rows: readonly ProfileRow[]): ReachProfile {
  const kinds = new Map<string, Kind>()
  for (const row of rows) {
    const kind = kinds.get(row.key) ?? { values: new Map(), uses: 0, singletons: 0 }
    kinds.set(row.key, kind)
    kind.values.set(row.subkey, row)
    kind.uses += row.sessions
    if (row.sessions <= 1) kind.singletons++
  }
  return {
    surprise(tool, name, fp) {
      const kind = kinds.get(tool + UNIT + name)
      if (kind === undefined) return undefined
      const seen = kind.values.get(fp)
      const p = Math.min(1, ((seen?.sessions ?? kind.singletons) + 0.5) / (kind.uses + 1))
      const support = { sessions: seen?.sessions ?? 0, agents: seen?.agents ?? 0 }
      return { nats: -Math.log(p), ...support, uses: kind.uses, values: kind.values.size }
    },
  }
}
