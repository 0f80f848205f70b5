-- Which steps followed each other in few sessions of a role?
-- days UInt16 30: how many days back
-- sessions UInt16 2: in at most so many sessions
SELECT role, before, token AS after, uniqExact(agent_id, session_id) AS sessions, max(time) AS last, argMax(session_id, time) AS session
FROM
(
    SELECT role, agent_id, session_id, time, token,
        lagInFrame(token) OVER (PARTITION BY agent_id, session_id ORDER BY time, position) AS before
    FROM events
    WHERE first_of_call AND time > now() - toIntervalDay({days:UInt16})
)
WHERE before != ''
GROUP BY role, before, after
HAVING sessions <= {sessions:UInt16}
ORDER BY sessions, last DESC
LIMIT 200
