-- Which hosts were connected to for the first time?
-- days UInt16 30: how many days back
SELECT host, min(time) AS first, uniqExact(agent_id) AS agents, argMin(agent_id, time) AS by_agent, argMin(tool, time) AS tool, sum(egress_bytes) AS bytes
FROM events
ARRAY JOIN egress_hosts AS host
GROUP BY host
HAVING first > now() - toIntervalDay({days:UInt16})
ORDER BY first DESC
LIMIT 200
