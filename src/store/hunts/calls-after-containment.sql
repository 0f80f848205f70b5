-- Which sessions still called successfully while they were suspended?
-- days UInt16 30: how many days back
SELECT held.containment_id AS containment, held.target_id AS session, held.state AS state, count() AS calls, min(e.time) AS first, groupUniqArray(5)(e.tool) AS tools
FROM containments AS held
INNER JOIN events AS e ON e.session_id = held.target_id
WHERE held.target_kind = 'session' AND held.level = 'suspend_session' AND e.status = 'ok'
    AND e.time > ifNull(held.applied, held.issued) + toIntervalSecond(3) AND e.time < held.expires AND held.released_by = ''
    AND held.time > now() - toIntervalDay({days:UInt16})
GROUP BY containment, session, state
ORDER BY calls DESC
LIMIT 100
