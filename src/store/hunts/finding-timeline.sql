-- What happened in the session of a finding, step by step?
-- finding String '': id of the finding
SELECT time, phase, server, tool, status, round(score, 2) AS score, round(risk, 3) AS risk, action, `signal.by` AS signals, event_id
FROM events
WHERE (agent_id, session_id) IN (SELECT agent_id, session_id FROM findings WHERE finding_id = {finding:String})
ORDER BY time, position
LIMIT 1000
