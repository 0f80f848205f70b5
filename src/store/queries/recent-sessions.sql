-- Sessions that may have to be restored. Without FINAL: a copy names the same session.
SELECT tenant, agent_id, session_id
FROM event_rows
WHERE time >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
GROUP BY tenant, agent_id, session_id
LIMIT {limit:UInt64}
