import type { Measure, VolumeProfile } from '../model/index.ts'
import { logBucket, logBucketSql, ofLogBucket, type ProfileDefinition, type ProfileRow, UNIT } from './profile.ts'

const SESSION_KEYS = 'tenant, role, agent_id, session_id, day, fold'

/** Histograms on a log scale (four buckets to an octave): per call and tool, per session, per agent and hour. */
export const volume: ProfileDefinition<'volume'> = {
  name: 'volume',
  select: `
    SELECT ${SESSION_KEYS}, concat('call.bytes\\x1f', tool) AS key, toString(${logBucketSql('bytes')}) AS subkey, count() AS n
    FROM replies WHERE bytes IS NOT NULL GROUP BY ${SESSION_KEYS}, key, subkey
    UNION ALL
    SELECT ${SESSION_KEYS}, concat('call.records\\x1f', tool) AS key, toString(${logBucketSql('records')}) AS subkey, count() AS n
    FROM replies WHERE records IS NOT NULL GROUP BY ${SESSION_KEYS}, key, subkey
    UNION ALL
    SELECT ${SESSION_KEYS}, 'session.calls' AS key, toString(${logBucketSql('total')}) AS subkey, 1 AS n
    FROM (SELECT ${SESSION_KEYS}, count() AS total FROM calls GROUP BY ${SESSION_KEYS})
    UNION ALL
    SELECT ${SESSION_KEYS}, 'session.bytes' AS key, toString(${logBucketSql('total')}) AS subkey, 1 AS n
    FROM (SELECT ${SESSION_KEYS}, sum(bytes) AS total FROM replies WHERE bytes IS NOT NULL GROUP BY ${SESSION_KEYS})
    UNION ALL
    SELECT ${SESSION_KEYS}, 'session.records' AS key, toString(${logBucketSql('total')}) AS subkey, 1 AS n
    FROM (SELECT ${SESSION_KEYS}, sum(records) AS total FROM replies WHERE records IS NOT NULL GROUP BY ${SESSION_KEYS})
    UNION ALL
    SELECT tenant, role, agent_id, any(session_id) AS session_id, day, any(fold) AS fold,
           'agent-hour.calls' AS key, toString(${logBucketSql('count()')}) AS subkey, 1 AS n
    FROM calls GROUP BY tenant, role, agent_id, day, toStartOfHour(time)
    UNION ALL
    SELECT tenant, role, agent_id, any(session_id) AS session_id, day, any(fold) AS fold,
           'agent-hour.bytes' AS key, toString(${logBucketSql('sum(bytes)')}) AS subkey, 1 AS n
    FROM replies WHERE bytes IS NOT NULL GROUP BY tenant, role, agent_id, day, toStartOfHour(time)`,
  compile: compileVolume,
}

interface Histogram {
  /** values at or above the bucket, by bucket; one entry past the highest, zero */
  readonly atLeast: Float64Array
  readonly sessions: number
  readonly agents: number
  readonly typical: number
  readonly highest: number
}

/** A value `b` buckets above the highest seen is e^(-b / BUCKETS_PER_NAT) as likely: a factor of two for one nat and a bit. */
const BUCKETS_PER_NAT = 3

export function compileVolume(rows: readonly ProfileRow[]): VolumeProfile {
  const byKey = groupByKey(rows)
  const histograms = new Map<string, Histogram>()
  for (const [key, group] of byKey) histograms.set(key, histogramOf(group))
  return {
    surprise(measure: Measure, value: number, tool?: string) {
      const histogram = histograms.get(tool === undefined ? measure : measure + UNIT + tool)
      if (histogram === undefined) return undefined
      const { atLeast } = histogram
      const bucket = logBucket(value)
      const top = atLeast.length - 1
      const seen = atLeast[Math.min(bucket, top)] ?? 0
      const beyond = Math.max(0, bucket - top + 1)
      const p = (seen + 0.5) / ((atLeast[0] ?? 0) + 1)
      return {
        nats: Math.max(0, -Math.log(p)) + beyond / BUCKETS_PER_NAT,
        sessions: histogram.sessions,
        agents: histogram.agents,
        typical: histogram.typical,
        highest: histogram.highest,
      }
    },
  }
}

function histogramOf(rows: readonly ProfileRow[]): Histogram {
  let top = 0
  for (const row of rows) top = Math.max(top, Number(row.subkey))
  const atLeast = new Float64Array(top + 2)
  let sessions = 0
  let agents = 0
  for (const row of rows) {
    const bucket = Number(row.subkey)
    atLeast[bucket] = (atLeast[bucket] ?? 0) + row.events
    sessions = Math.max(sessions, row.sessions)
    agents = Math.max(agents, row.agents)
  }
  for (let i = top - 1; i >= 0; i--) atLeast[i] = (atLeast[i] ?? 0) + (atLeast[i + 1] ?? 0)
  let median = 0
  while (median < top && (atLeast[median + 1] ?? 0) * 2 > (atLeast[0] ?? 0)) median++
  return { atLeast, sessions, agents, typical: Math.round(ofLogBucket(median)), highest: Math.round(ofLogBucket(top)) }
}

function groupByKey(rows: readonly ProfileRow[]): Map<string, ProfileRow[]> {
  const groups = new Map<string, ProfileRow[]>()
  for (const row of rows) {
    const group = groups.get(row.key)
    if (group) group.push(row)
    else groups.set(row.key, [row])
  }
  return groups
}
