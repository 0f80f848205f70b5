import type { SequenceProfile } from '../model/index.ts'
import { type ProfileDefinition, type ProfileRow, type Totals, UNIT } from './profile.ts'

/** Longest step that is learnt: three calls before and the call itself. Longer ones did not help on agent traces. */
export const ORDER = 4
/** A session begins with these, so that its first call has a context too. */
export const START = '^'

interface Context {
  total: number
  readonly next: Map<string, { readonly events: number; readonly sessions: number; readonly agents: number }>
}

/**
 * Back-off n-grams over sequence tokens, smoothed after Witten and Bell (1991): a context that was followed by many
 * different tokens gives more of its mass to shorter contexts; the shortest one gives some to tokens never seen.
 */
export const sequence: ProfileDefinition<'sequence'> = {
  name: 'sequence',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold,
           arrayStringConcat(arraySlice(steps, at - width + 1, width - 1), '\\x1f') AS key,
           steps[at] AS subkey,
           count() AS n
    FROM (
      SELECT tenant, role, agent_id, session_id, day, fold,
             arrayConcat(['^', '^', '^'], groupArray(token)) AS steps
      FROM (SELECT * FROM calls ORDER BY tenant, role, agent_id, session_id, time, seq, event_id)
      GROUP BY tenant, role, agent_id, session_id, day, fold
    )
    ARRAY JOIN range(4, length(steps) + 1) AS at
    ARRAY JOIN [1, 2, 3, 4] AS width
    GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileSequence,
}

export function compileSequence(rows: readonly ProfileRow[], totals: Totals): SequenceProfile {
  const contexts = new Map<string, Context>()
  for (const row of rows) {
    let context = contexts.get(row.key)
    if (!context) {
      context = { total: 0, next: new Map() }
      contexts.set(row.key, context)
    }
    context.total += row.events
    context.next.set(row.subkey, row)
  }
  const vocabulary = (contexts.get('')?.next.size ?? 0) + UNSEEN_TOKENS
  return {
    surprise(history, token) {
      const root = contexts.get('')
      let p = 1 / vocabulary
      if (root) p = wittenBell(root, token, p)
      let key = ''
      let longest = 0
      let step = root?.next.get(token)
      for (let width = 1; width < ORDER; width++) {
        const before = history[history.length - width] ?? START
        key = width === 1 ? before : before + UNIT + key
        const context = contexts.get(key)
        if (!context) break
        p = wittenBell(context, token, p)
        longest = width
        if (width === 1) step = context.next.get(token)
      }
      return {
        nats: root ? -Math.log(p) : 0,
        sessions: step?.sessions ?? 0,
        agents: step?.agents ?? 0,
        of: totals.sessions,
        context: contextOf(history, longest),
      }
    },
  }
}

/** Mass kept for tokens that no session has shown yet, as so many more tokens. */
const UNSEEN_TOKENS = 5

function wittenBell(context: Context, token: string, shorter: number): number {
  const types = context.next.size
  return ((context.next.get(token)?.events ?? 0) + types * shorter) / (context.total + types)
}

function contextOf(history: readonly string[], width: number): readonly string[] {
  return width === 0 ? [] : history.slice(-width)
}
