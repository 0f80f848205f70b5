-- Which agents were denied a tool and got through to it later?
-- days UInt16 30: how many days back
SELECT agent_id, server, tool, minIf(time, status = 'denied') AS denied, minIf(time, status = 'ok' AND decision_action = 'allow' OR status = 'ok') AS first_ok,
    countIf(status = 'denied') AS denials, countIf(status = 'ok') AS oks
FROM events
WHERE tool != '' AND phase = 'response' AND time > now() - toIntervalDay({days:UInt16})
GROUP BY agent_id, server, tool
HAVING denials > 0 AND oks > 0 AND maxIf(time, status = 'ok') > denied
ORDER BY denials DESC
LIMIT 200
