-- Which roles have no baseline that judges, and how much do they do?
-- days UInt16 30: how many days back
SELECT seen.role AS role, known.state AS state, known.sessions AS learnt_sessions, seen.sessions AS sessions, seen.calls AS calls
FROM (SELECT role, count() AS sessions, sum(calls) AS calls FROM sessions WHERE started > now() - toIntervalDay({days:UInt16}) GROUP BY role) AS seen
LEFT JOIN current_baselines AS known ON known.role = seen.role
WHERE known.state != 'active'
ORDER BY calls DESC
