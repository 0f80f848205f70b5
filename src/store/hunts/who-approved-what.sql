-- Who approved, denied, released or closed what, and why?
-- days UInt16 30: how many days back
SELECT time, kind, actor, subject, detail
FROM audit
WHERE kind IN ('approval', 'finding', 'exception', 'containment') AND time > now() - toIntervalDay({days:UInt16})
ORDER BY time DESC
LIMIT 500
