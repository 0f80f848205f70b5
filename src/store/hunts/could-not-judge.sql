-- What could detectors not judge, and for want of what?
-- days UInt16 30: how many days back
SELECT detector, missing, count() AS events, uniqExact(source) AS peps, groupUniqArray(5)(source) AS sources
FROM events
ARRAY JOIN `unjudged.detector` AS detector, `unjudged.missing` AS missing
WHERE time > now() - toIntervalDay({days:UInt16})
GROUP BY detector, missing
ORDER BY events DESC
LIMIT 200
