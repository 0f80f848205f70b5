import type { LatencyProfile } from '../model/index.ts'
import { groupByKey, type Histogram, histogramOf, logBucketSql, surpriseOf } from './histogram.ts'
import type { ProfileDefinition, ProfileRow } from './profile.ts'

/** How long each tool takes, milliseconds on the same log scale as the volumes. */
export const latency: ProfileDefinition<'latency'> = {
  name: 'latency',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, tool AS key,
           toString(${logBucketSql('duration_ms')}) AS subkey, count() AS n
    FROM replies WHERE duration_ms IS NOT NULL GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile: compileLatency,
}

export function compileLatency(rows: readonly ProfileRow[]): LatencyProfile {
  const tools = new Map<string, Histogram>()
  for (const [tool, group] of groupByKey(rows)) tools.set(tool, histogramOf(group))
  return {
    surprise(tool, durationMs) {
      const histogram = tools.get(tool)
      return histogram === undefined ? undefined : surpriseOf(histogram, durationMs)
    },
  }
}
