-- Which calls named a destination that came from outside in an imperative sentence?
-- days UInt16 30: how many days back
SELECT time, agent_id, session_id, server, tool, kind, fp, risk
FROM events
ARRAY JOIN `refs.in` AS place, `refs.kind` AS kind, `refs.fp` AS fp
WHERE place = 'args' AND (agent_id, session_id, fp) IN
(
    SELECT agent_id, session_id, fp FROM events
    ARRAY JOIN `refs.in` AS place, `refs.fp` AS fp, `refs.untrusted` AS outside, `refs.imperative` AS told
    WHERE place = 'result' AND outside AND told AND time > now() - toIntervalDay({days:UInt16})
) AND time > now() - toIntervalDay({days:UInt16})
ORDER BY time DESC
LIMIT 200
