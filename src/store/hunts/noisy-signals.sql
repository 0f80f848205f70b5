-- Which detectors and rules speak most, and how much do they weigh?
-- days UInt16 30: how many days back
SELECT `by`, kind, count() AS signals, uniqExact(session_id) AS sessions, round(avg(strength), 2) AS strength, round(sum(evidence), 1) AS evidence
FROM signals
WHERE time > now() - toIntervalDay({days:UInt16})
GROUP BY `by`, kind
ORDER BY signals DESC
