-- Which calls read most?
-- days UInt16 30: how many days back
SELECT time, agent_id, role, session_id, server, tool, bytes, records
FROM tool_calls
WHERE time > now() - toIntervalDay({days:UInt16}) AND (bytes > 0 OR records > 0)
ORDER BY ifNull(bytes, 0) DESC, ifNull(records, 0) DESC
LIMIT 100
