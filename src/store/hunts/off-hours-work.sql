-- Which agents work at hours at which their role hardly does?
-- days UInt16 30: how many days back
-- percent UInt16 1: an hour with less than this share of the calls of the role
SELECT role, agent_id, toHour(time) AS hour_utc, count() AS calls, any(usual.share) AS share_of_role, max(time) AS last
FROM tool_calls AS c
INNER JOIN
(
    SELECT role, toHour(time) AS hour, count() / sum(count()) OVER (PARTITION BY role) AS share
    FROM tool_calls WHERE time > now() - toIntervalDay({days:UInt16}) GROUP BY role, hour
) AS usual ON usual.role = c.role AND usual.hour = toHour(c.time)
WHERE usual.share * 100 < {percent:UInt16} AND c.time > now() - toIntervalDay({days:UInt16})
GROUP BY c.role AS role, c.agent_id AS agent_id, hour_utc
ORDER BY share_of_role, calls DESC
LIMIT 100
