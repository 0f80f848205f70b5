-- Stored events of many sessions, each up to its own bound. `n` is the place of the bound in the parameters.
-- Without FINAL, which costs ten times as much for many short ranges: copies are dropped by whoever reads the answer.
WITH bounds AS
(
    SELECT
        bound.1 AS n, bound.2 AS tenant, bound.3 AS agent_id, bound.4 AS session_id, bound.5 AS origin,
        bound.6 AS position, bound.7 AS first_ms, bound.8 AS last_ms
    FROM
    (
        SELECT arrayJoin(arrayZip(
            range(length({tenants:Array(String)})), {tenants:Array(String)}, {agents:Array(String)},
            {sessions:Array(String)}, {origins:Array(String)}, {positions:Array(UInt64)}, {first_ms:Array(UInt64)},
            {last_ms:Array(UInt64)})) AS bound
    )
)
SELECT
    bounds.n AS n,
    stored.tenant AS tenant,
    toUnixTimestamp64Milli(stored.received) AS received_ms,
    toUnixTimestamp64Milli(stored.time) AS time_ms,
    stored.clock AS clock,
    stored.signature AS signature,
    stored.origin AS origin,
    stored.position AS position,
    stored.event AS event,
    stored.refs AS refs,
    intDiv(toUnixTimestamp64Milli(stored.agent_hour), 3600000) AS hour,
    stored.agent_hour_calls AS calls,
    stored.agent_hour_bytes AS bytes,
    stored.agent_hour_records AS records
FROM
(
    SELECT tenant, agent_id, session_id, received, time, clock, signature, origin, position, event,
           arrayZip(`refs.in`, `refs.kind`, `refs.fp`, `refs.untrusted`, `refs.imperative`) AS refs,
           agent_hour, agent_hour_calls, agent_hour_bytes, agent_hour_records
    FROM event_rows
    -- A superset that the columns of the key decide one by one: much faster for sessions that are not there, which
    -- most unknown sessions are, than comparing tuples. The join keeps the pairs that were asked for.
    WHERE tenant IN {tenants:Array(String)} AND agent_id IN {agents:Array(String)}
      AND session_id IN {sessions:Array(String)}
      AND time >= fromUnixTimestamp64Milli({earliest_ms:Int64}, 'UTC')
) AS stored
INNER JOIN bounds USING (tenant, agent_id, session_id)
WHERE time_ms >= bounds.first_ms
  -- Its own origin says by position what was judged before; another origin only by time.
  AND if(stored.origin = bounds.origin, stored.position < bounds.position, time_ms <= bounds.last_ms)
ORDER BY received_ms DESC, position DESC
LIMIT {limit:UInt64} BY n
