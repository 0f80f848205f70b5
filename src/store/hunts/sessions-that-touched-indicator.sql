-- Which sessions touched a host, country or destination fingerprint?
-- days UInt16 30: how many days back
-- indicator String 'example.com': host, ISO country or fingerprint
SELECT agent_id, role, session_id, min(time) AS first, max(time) AS last, groupUniqArray(10)(tool) AS tools, max(risk) AS risk
FROM events
WHERE (has(egress_hosts, {indicator:String}) OR has(egress_countries, {indicator:String}) OR has(`refs.fp`, {indicator:String}))
    AND time > now() - toIntervalDay({days:UInt16})
GROUP BY agent_id, role, session_id
ORDER BY last DESC
LIMIT 200
