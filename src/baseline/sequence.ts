import type { SequenceProfile, Support } from '../model/index.ts'
import { type ContextNode, NGrams, START_TOKEN } from './ngrams.ts'
import { type ProfileDefinition, type ProfileRow, type Totals, UNIT } from './profile.ts'

/** Longest step that is learnt: three calls before and the call itself. Longer ones did not help on agent traces. */
export const ORDER = 4
/** A session begins with these in the rows, so that its first call has a context too. */
const START = '^'

/** Steps of one to four sequence tokens, counted: what ngrams.ts makes probabilities of. */
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
  const ngrams = new NGrams(ORDER)
  const numbers = new TokenNumbers()
  const supports = new Map<ContextNode, Support>()
  for (const { key, subkey, events, sessions, agents } of rows) {
    const context = key === '' ? [] : key.split(UNIT).map((token) => numbers.add(token))
    const step = ngrams.add(context, numbers.add(subkey), events)
    if (context.length <= 1) supports.set(step, { sessions, agents })
  }
  return {
    surprise(history, token) {
      const number = numbers.of(token)
      let context = ngrams.start
      for (let i = Math.max(0, history.length - ORDER + 1); i < history.length; i++)
        context = ngrams.next(context, numbers.of(history[i] ?? START))
      const before = history.length === 0 ? START_TOKEN : numbers.of(history.at(-1) ?? START)
      const { sessions, agents } = supports.get(ngrams.stepAfter(before, number)) ?? NEVER
      return { nats: ngrams.nats(context, number), sessions, agents, of: totals.sessions }
    },
  }
}

const NEVER: Support = { sessions: 0, agents: 0 }

/** Tokens by number, from 1 in the order in which they are met. */
class TokenNumbers {
  private readonly numbers = new Map([[START, START_TOKEN]])

  add(token: string): number {
    const number = this.of(token)
    if (number === UNKNOWN_TOKEN) this.numbers.set(token, this.numbers.size)
    return number === UNKNOWN_TOKEN ? this.numbers.size - 1 : number
  }

  of(token: string): number {
    return this.numbers.get(token) ?? UNKNOWN_TOKEN
  }
}

const UNKNOWN_TOKEN = -1
