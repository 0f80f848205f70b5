-- What is open, worst first?
-- limit UInt32 100: at most so many
SELECT severity, finding_id, title, agent_id, session_id, updated, count, containment_level, containment_state
FROM findings
WHERE status = 'open'
ORDER BY indexOf(['critical', 'high', 'medium', 'low'], severity), updated DESC
LIMIT {limit:UInt32}
