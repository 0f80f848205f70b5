-- In which sessions did a read lead to a send within an hour, and on to an outside host?
-- days UInt16 30: how many days back
SELECT agent_id, session_id, any(role) AS role,
    windowFunnel(3600)(toDateTime(time), tool LIKE 'read%' OR tool LIKE 'get%' OR tool LIKE 'list%', tool LIKE 'send%' OR tool LIKE 'post%' OR tool LIKE 'create%', notEmpty(egress_hosts)) AS steps,
    max(risk) AS risk
FROM events
WHERE first_of_call AND time > now() - toIntervalDay({days:UInt16})
GROUP BY agent_id, session_id
HAVING steps >= 2
ORDER BY steps DESC, risk DESC
LIMIT 200
