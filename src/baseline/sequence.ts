import type { SequenceProfile } from '../model/index.ts'
import { type ProfileDefinition, type ProfileRow, type Totals, UNIT } from './profile.ts'

/** Longest step that is learnt: three calls before and the call itself. Longer ones did not help on agent traces. */
export const ORDER = 4
/** A session begins with these, so that its first call has a context too. */
export const START = '^'

interface Context {
  total: number
  readonly next: Map<string, { readonly events: number; readonly sessions: number; readonly agents: number }>
  /** contexts one step longer, by the token before */
  readonly longer: Map<string, Context>
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
  const root = newContext()
  for (const row of rows) {
    const context = contextFor(root, row.key)
    context.total += row.events
    context.next.set(row.subkey, row)
  }
  const unseen = 1 / (root.next.size + UNSEEN_TOKENS)
  return {
    surprise(history, token) {
      let step = root.next.get(token)
      let p = root.total === 0 ? 1 : wittenBell(root, token, unseen)
      let context: Context | undefined = root
      for (let width = 1; width < ORDER; width++) {
        context = context.longer.get(history[history.length - width] ?? START)
        if (context === undefined) break
        p = wittenBell(context, token, p)
        if (width === 1) step = context.next.get(token)
      }
      return { nats: -Math.log(p), sessions: step?.sessions ?? 0, agents: step?.agents ?? 0, of: totals.sessions }
    },
  }
}

/** Mass kept for tokens that no session has shown yet, as so many more tokens. */
const UNSEEN_TOKENS = 5

function newContext(): Context {
  return { total: 0, next: new Map(), longer: new Map() }
}

/** The last token of a context is its first step from the root: look-ups walk backwards through the history. */
function contextFor(root: Context, key: string): Context {
  let context = root
  const tokens = key === '' ? [] : key.split(UNIT)
  for (let i = tokens.length - 1; i >= 0; i--) {
    const token = tokens[i] ?? ''
    let longer = context.longer.get(token)
    if (longer === undefined) {
      longer = newContext()
      context.longer.set(token, longer)
    }
    context = longer
  }
  return context
}

function wittenBell(context: Context, token: string, shorter: number): number {
  const types = context.next.size
  if (types === 0) return shorter
  return ((context.next.get(token)?.events ?? 0) + types * shorter) / (context.total + types)
}
