import type { IntentProfile, Support } from '../model/index.ts'
import type { ProfileDefinition, ProfileRow, Totals } from './profile.ts'

/** What the tasks and stated intents of the role ask for, as keyed fingerprints of an action on a kind of thing. */
export const intents: ProfileDefinition<'intents'> = {
  name: 'intents',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, kind AS key, fp AS subkey, 1 AS n
    FROM calls ARRAY JOIN refs.in AS place, refs.kind AS kind, refs.fp AS fp
    WHERE place = 'intent' AND kind IN ('ask', 'act')
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileIntents,
}

/** `nats` = -ln of the share of sessions that ask for it; undefined where no session of the history states an intent. */
export function compileIntents(rows: readonly ProfileRow[], totals: Totals): IntentProfile {
  const asked = new Map<string, Support>()
  for (const { subkey, sessions, agents } of rows) asked.set(subkey, { sessions, agents })
  return {
    surprise(fp) {
      if (asked.size === 0) return undefined
      const { sessions, agents } = asked.get(fp) ?? { sessions: 0, agents: 0 }
      return { nats: -Math.log(Math.min(1, (sessions + 0.5) / (totals.sessions + 1))), sessions, agents }
    },
  }
}
