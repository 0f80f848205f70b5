-- What are findings caused by, and what became of them?
-- days UInt16 30: how many days back
SELECT cause, severity, count() AS findings, countIf(status = 'open') AS open, countIf(disposition = 'true_positive') AS true_positives,
    countIf(disposition = 'false_positive') AS false_positives, uniqExact(agent_id) AS agents, max(updated) AS last
FROM findings
WHERE updated > now() - toIntervalDay({days:UInt16})
GROUP BY cause, severity
ORDER BY findings DESC
