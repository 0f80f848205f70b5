-- Which destinations appear in several findings?
-- days UInt16 30: how many days back
SELECT fp, any(kind) AS kind, uniqExact(finding_id) AS findings, groupUniqArray(5)(agent_id) AS agents, max(time) AS last
FROM
(
    SELECT finding_id, agent_id, time, fp, kind FROM events
    ARRAY JOIN `refs.fp` AS fp, `refs.kind` AS kind
    WHERE finding_id != '' AND time > now() - toIntervalDay({days:UInt16})
)
GROUP BY fp
HAVING findings > 1
ORDER BY findings DESC, last DESC
LIMIT 100
