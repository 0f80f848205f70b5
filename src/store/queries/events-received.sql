-- Stored events received within a window, a page at a time, in the order of their receipt; each event once.
SELECT
    tenant,
    toUnixTimestamp64Milli(received) AS received_ms,
    toUnixTimestamp64Milli(time) AS time_ms,
    clock,
    signature,
    origin,
    position,
    event,
    arrayZip(`refs.in`, `refs.kind`, `refs.fp`, `refs.untrusted`, `refs.imperative`) AS refs,
    intDiv(toUnixTimestamp64Milli(agent_hour), 3600000) AS hour,
    agent_hour_calls AS calls,
    agent_hour_bytes AS bytes,
    agent_hour_records AS records,
    baseline
FROM event_rows FINAL
WHERE ({tenant:String} = '' OR tenant = {tenant:String})
  AND received >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND received < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
  -- What is a day late or five minutes ahead counts at its receipt, so a window of receipt is one of time, a day wider.
  AND time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') - INTERVAL 25 HOUR
  AND time < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC') + INTERVAL 1 HOUR
  AND (toUnixTimestamp64Milli(received), origin, position) > ({after_ms:Int64}, {after_origin:String}, {after_position:UInt64})
ORDER BY received_ms, origin, position
LIMIT {limit:UInt32}
