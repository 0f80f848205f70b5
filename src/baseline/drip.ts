import { mad, median } from 'simple-statistics'
import type { DripMeasure, DripProfile } from '../model/index.ts'
import { logBucketSql } from './histogram.ts'
import { type ProfileDefinition, type ProfileRow, UNIT } from './profile.ts'

const DAY_KEYS = `tenant, role, agent_id, any(session_id) AS session_id, day, any(fold) AS fold`
const daily = (measure: DripMeasure, value: string, from: string): string => `
    SELECT ${DAY_KEYS}, concat('${measure}\\x1f', agent_id) AS key,
           concat(toString(toRelativeDayNum(day)), '\\x1f', toString(${logBucketSql(value)})) AS subkey, 1 AS n
    FROM ${from} GROUP BY tenant, role, agent_id, day`

/** What each agent took on each day: too little to notice on any one of them may add up. */
export const drip: ProfileDefinition<'drip'> = {
  name: 'drip',
  select: [
    daily('calls', 'count()', 'calls'),
    daily('bytes', 'sum(bytes)', '(SELECT * FROM replies WHERE bytes IS NOT NULL)'),
    daily('records', 'sum(records)', '(SELECT * FROM replies WHERE records IS NOT NULL)'),
  ].join('\n    UNION ALL'),
  compile: compileDrip,
}

/** An agent's own first days say where it stands among the others; with fewer days than this it is not judged. */
const OWN_DAYS = 5
const LEAST_DAYS = OWN_DAYS + 3
/** days of one standard deviation above the reference that are let pass: the slack of the sum */
const SLACK = 1
/** least standard deviation of a day's logarithm: a day may always be a quarter larger than another */
const LEAST_DEVIATION = 0.25
/** from the median absolute deviation to the standard deviation of a normal distribution */
const OF_MAD = 1.4826
/** nats in one bucket of the histogram scale, four to an octave */
const BUCKET_NATS = Math.LN2 / 4

interface Day {
  readonly day: number
  /** logarithm of what was taken */
  readonly nats: number
}

/**
 * One-sided cumulative sums (Page 1954) over the logarithms of each agent's days, in standard deviations of the role's
 * days, with a slack of one: S = max(0, S + z - 1). Under no change a sum reaches s with probability of about
 * e^(-2 x slack x s) (Siegmund 1985), which makes its surprise. Compiled when the baseline is: it costs nothing per event.
 */
export function compileDrip(rows: readonly ProfileRow[]): DripProfile {
  const byMeasure = new Map<string, Map<string, Day[]>>()
  for (const { key, subkey } of rows) {
    const [measure, agent] = splitOnce(key)
    const [day, bucket] = splitOnce(subkey)
    const agents = byMeasure.get(measure) ?? new Map<string, Day[]>()
    byMeasure.set(measure, agents)
    const days = agents.get(agent) ?? []
    agents.set(agent, days)
    days.push({ day: Number(day), nats: Number(bucket) * BUCKET_NATS })
  }
  const found = new Map<string, NonNullable<ReturnType<DripProfile['surprise']>>>()
  for (const [measure, agents] of byMeasure) {
    const all = [...agents.values()].flatMap((days) => days.map(({ nats }) => nats))
    const typical = median(all)
    const deviation = Math.max(LEAST_DEVIATION, OF_MAD * mad(all))
    for (const [agent, days] of agents) {
      const sum = sumOf(days, typical, deviation)
      if (sum === undefined || sum.nats <= (found.get(agent)?.nats ?? 0)) continue
      found.set(agent, { ...sum, measure: measure as DripMeasure })
    }
  }
  return { surprise: (agent) => found.get(agent) }
}

function sumOf(days: readonly Day[], typical: number, deviation: number) {
  if (days.length < LEAST_DAYS) return undefined
  const inOrder = days.toSorted((a, b) => a.day - b.day)
  const own = median(inOrder.slice(0, OWN_DAYS).map(({ nats }) => nats))
  const reference = Math.max(typical, own)
  let sum = 0
  let since = 0
  for (const [index, { nats }] of inOrder.entries()) {
    const next = Math.max(0, sum + (nats - reference) / deviation - SLACK)
    if (sum === 0) since = index
    sum = next
  }
  if (sum === 0) return undefined
  const during = inOrder.slice(since)
  const times = Math.exp(median(during.map(({ nats }) => nats)) - reference)
  return { nats: 2 * SLACK * sum, days: during.length, of: inOrder.length, times }
}

function splitOnce(text: string): readonly [string, string] {
  const cut = text.indexOf(UNIT)
  return [text.slice(0, cut), text.slice(cut + 1)]
}
