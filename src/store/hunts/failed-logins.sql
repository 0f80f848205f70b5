-- Where do failed logins come from, and did one succeed afterwards?
-- days UInt16 30: how many days back
SELECT client_ip, credential_sha256, countIf(auth_outcome = 'failure') AS failures, countIf(auth_outcome = 'success') AS successes,
    uniqExact(agent_id) AS agents, minIf(time, auth_outcome = 'failure') AS first, max(time) AS last,
    windowFunnel(3600)(toDateTime(time), auth_outcome = 'failure', auth_outcome = 'success') = 2 AS success_after_failure
FROM events
WHERE op = 'auth' AND time > now() - toIntervalDay({days:UInt16})
GROUP BY client_ip, credential_sha256
HAVING failures > 0
ORDER BY failures DESC
LIMIT 100
