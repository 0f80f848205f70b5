-- Which credentials do several agents use, or one agent from several places?
-- days UInt16 30: how many days back
SELECT credential_sha256, uniqExact(agent_id) AS agents, uniqExact(client_ip) AS addresses, uniqExact(env_region) AS regions,
    groupUniqArray(5)(agent_id) AS who, max(time) AS last
FROM events
WHERE credential_sha256 != '' AND time > now() - toIntervalDay({days:UInt16})
GROUP BY credential_sha256
HAVING agents > 1 OR addresses > 3
ORDER BY agents DESC, addresses DESC
LIMIT 100
