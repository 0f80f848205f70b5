-- What agents had done in their hour, each up to its own bound. `n` is the place of the bound in the parameters. The
-- counts only rise, hour after hour, so the largest are the latest, and copies do no harm.
WITH bounds AS
(
    SELECT
        bound.1 AS n, bound.2 AS tenant, bound.3 AS agent_id, bound.4 AS origin, bound.5 AS position,
        bound.6 AS first_ms, bound.7 AS last_ms
    FROM
    (
        SELECT arrayJoin(arrayZip(
            range(length({tenants:Array(String)})), {tenants:Array(String)}, {agents:Array(String)},
            {origins:Array(String)}, {positions:Array(UInt64)}, {first_ms:Array(UInt64)}, {last_ms:Array(UInt64)})) AS bound
    )
)
SELECT
    bounds.n AS n,
    max((intDiv(toUnixTimestamp64Milli(stored.agent_hour), 3600000), stored.agent_hour_calls, stored.agent_hour_bytes,
         stored.agent_hour_records)) AS counts
FROM
(
    SELECT tenant, agent_id, time, origin, position, agent_hour, agent_hour_calls, agent_hour_bytes, agent_hour_records
    FROM event_rows
    WHERE tenant IN {tenants:Array(String)} AND agent_id IN {agents:Array(String)}
      AND time >= fromUnixTimestamp64Milli({earliest_ms:Int64}, 'UTC')
) AS stored
INNER JOIN bounds USING (tenant, agent_id)
WHERE toUnixTimestamp64Milli(stored.time) >= bounds.first_ms
  AND if(stored.origin = bounds.origin, stored.position < bounds.position,
         toUnixTimestamp64Milli(stored.time) <= bounds.last_ms)
GROUP BY n
