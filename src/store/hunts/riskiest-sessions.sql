-- Which sessions became riskiest?
-- days UInt16 30: how many days back
SELECT session_id, agent_id, role, started, calls, signals, round(risk, 3) AS risk, action, findings
FROM sessions
WHERE started > now() - toIntervalDay({days:UInt16})
ORDER BY risk DESC, signals DESC
LIMIT 50
