import type { LatencyProfile } from '../model/index.ts'
import { logBucketSql, type ProfileDefinition } from './profile.ts'
import { compileVolume } from './volume.ts'

/** How long each tool takes, milliseconds on the same log scale as the volumes. */
export const latency: ProfileDefinition<'latency'> = {
  name: 'latency',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, concat('call.bytes\\x1f', tool) AS key,
           toString(${logBucketSql('duration_ms')}) AS subkey, count() AS n
    FROM replies WHERE duration_ms IS NOT NULL GROUP BY tenant, role, agent_id, session_id, day, fold, key, subkey`,
  compile(rows): LatencyProfile {
    const histograms = compileVolume(rows)
    return { surprise: (tool, durationMs) => histograms.surprise('call.bytes', durationMs, tool) }
  },
}
