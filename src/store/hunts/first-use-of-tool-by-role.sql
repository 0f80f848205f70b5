-- Which tools did a role use for the first time?
-- days UInt16 30: how many days back
SELECT role, server, tool, min(time) AS first, argMin(agent_id, time) AS agent, argMin(session_id, time) AS session, count() AS calls
FROM tool_calls
GROUP BY role, server, tool
HAVING first > now() - toIntervalDay({days:UInt16})
ORDER BY first DESC
LIMIT 200
