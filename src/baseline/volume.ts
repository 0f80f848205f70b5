import type { Measure, VolumeProfile } from '../model/index.ts'
import { groupByKey, type Histogram, histogramOf, logBucketSql, surpriseOf } from './histogram.ts'
import { type ProfileDefinition, type ProfileRow, UNIT } from './profile.ts'

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
    SELECT ${SESSION_KEYS}, tupleElement(total, 1) AS key, toString(${logBucketSql('tupleElement(total, 2)')}) AS subkey, 1 AS n
    FROM (SELECT ${SESSION_KEYS}, groupArray(NOT (status IN ('ok', 'input_required'))) AS failed, countIf(status = 'denied') AS denied,
                 [('session.errors', toInt64(arraySum(failed))), ('session.denied', toInt64(denied)),
                  ('session.failed-in-a-row', toInt64(arrayMax(arrayCumSumNonNegative(arrayMap(f -> if(f, 1, -1000000), failed)))))] AS totals
          FROM (SELECT * FROM replies ORDER BY tenant, role, agent_id, session_id, time, seq, event_id)
          GROUP BY ${SESSION_KEYS})
    ARRAY JOIN totals AS total
    UNION ALL
    SELECT ${SESSION_KEYS}, concat('call.cpu\\x1f', tool) AS key, toString(${logBucketSql('cpu_pct')}) AS subkey, count() AS n
    FROM all_events WHERE cpu_pct IS NOT NULL GROUP BY ${SESSION_KEYS}, key, subkey
    UNION ALL
    SELECT ${SESSION_KEYS}, concat('call.memory\\x1f', tool) AS key, toString(${logBucketSql('mem_mb')}) AS subkey, count() AS n
    FROM all_events WHERE mem_mb IS NOT NULL GROUP BY ${SESSION_KEYS}, key, subkey
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

export function compileVolume(rows: readonly ProfileRow[]): VolumeProfile {
  const measures = new Map<string, Map<string, Histogram>>()
  for (const [key, group] of groupByKey(rows)) {
    const [measure = '', tool = ''] = key.split(UNIT)
    const tools = measures.get(measure) ?? new Map<string, Histogram>()
    measures.set(measure, tools.set(tool, histogramOf(group)))
  }
  return {
    surprise(measure: Measure, value: number, tool = '') {
      const histogram = measures.get(measure)?.get(tool)
      return histogram === undefined ? undefined : surpriseOf(histogram, value)
    },
  }
}
