-- Who delegated to whom, and how risky did it become?
-- days UInt16 30: how many days back
SELECT parent, session_id, agent_id, role, started, calls, round(risk, 3) AS risk, action
FROM sessions
WHERE parent != '' AND started > now() - toIntervalDay({days:UInt16})
ORDER BY risk DESC, started DESC
LIMIT 200
