import type { DestinationProfile, Support } from '../model/index.ts'
import { type ProfileDefinition, type ProfileRow, UNIT } from './profile.ts'

const NEVER: Support = { sessions: 0, agents: 0 }

/**
 * Fingerprints that the role put into arguments without the task naming them, and hosts and countries that its tools
 * connected to, ports as `host:443`, with `host:*` for any stated port of the host. What a task named says nothing of the same destination when only a result names it, so it is not counted. `ordered`
 * rows say how often the role takes a kind of argument from a sentence in a result that tells its reader to act.
 */
export const destinations: ProfileDefinition<'destinations'> = {
  name: 'destinations',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, fp AS key, '' AS subkey, count() AS n
    FROM calls ARRAY JOIN refs.in AS place, refs.kind AS kind, refs.fp AS fp
    WHERE place = 'args' AND kind NOT IN ('ask', 'act')
      AND NOT has(arrayFilter((f, i) -> i = 'intent', refs.fp, refs.in), fp)
    GROUP BY tenant, role, agent_id, session_id, day, fold, key
    UNION ALL
    SELECT tenant, role, agent_id, session_id, day, fold, concat('ordered\\x1f', tool) AS key, kind AS subkey, count() AS n
    FROM (SELECT * FROM calls WHERE tool != '') AS c
    INNER JOIN (
      SELECT agent_id, session_id,
             groupUniqArrayArray(arrayFilter((f, i, m) -> i = 'result' AND m, refs.fp, refs.in, refs.imperative)) AS named
      FROM all_events GROUP BY agent_id, session_id
    ) AS orders USING (agent_id, session_id)
    ARRAY JOIN refs.in AS place, refs.kind AS kind, refs.fp AS fp
    WHERE place = 'args' AND kind NOT IN ('ask', 'act') AND has(named, fp)
      AND NOT has(arrayFilter((f, i) -> i = 'intent', refs.fp, refs.in), fp)
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey
    UNION ALL
    SELECT tenant, role, agent_id, session_id, day, fold, concat('egress\\x1f', tool) AS key, peer AS subkey, count() AS n
    FROM all_events ARRAY JOIN arrayConcat(egress_hosts, egress_countries, egress_ports,
      arrayMap(port -> replaceRegexpOne(port, ':[0-9]+$', ':*'), egress_ports)) AS peer
    WHERE peer != '' GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileDestinations,
}

export function compileDestinations(rows: readonly ProfileRow[]): DestinationProfile {
  const used = new Map<string, Support>()
  const ordered = new Map<string, Support>()
  const egress = new Map<string, Support>()
  for (const row of rows) {
    const support = { sessions: row.sessions, agents: row.agents }
    if (row.key.startsWith(ORDERED)) ordered.set(row.key.slice(ORDERED.length) + UNIT + row.subkey, support)
    else if (!row.key.startsWith(EGRESS)) used.set(row.key, support)
    else {
      const tool = row.key.slice(EGRESS.length)
      egress.set(tool + UNIT + row.subkey, support)
      const any = egress.get(`*${UNIT}${row.subkey}`) ?? NEVER
      // Sessions of two tools may be the same ones: the larger number is what is certain.
      egress.set(`*${UNIT}${row.subkey}`, {
        sessions: Math.max(any.sessions, support.sessions),
        agents: Math.max(any.agents, support.agents),
      })
    }
  }
  return {
    used: (fp) => used.get(fp) ?? NEVER,
    ordered: (tool, kind) => ordered.get(tool + UNIT + kind) ?? NEVER,
    egress: (tool, peer) => egress.get(tool + UNIT + peer) ?? NEVER,
  }
}

const EGRESS = `egress${UNIT}`
const ORDERED = `ordered${UNIT}`
