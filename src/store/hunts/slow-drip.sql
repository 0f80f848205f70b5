-- Which agents move a little more each day than their role does?
-- days UInt16 30: how many days back
WITH per_day AS
(
    SELECT role, agent_id, toStartOfDay(time) AS day, sum(bytes) AS moved, count() AS calls
    FROM tool_calls WHERE time > now() - toIntervalDay({days:UInt16}) GROUP BY role, agent_id, day
)
SELECT own.role AS role, own.agent_id AS agent, count() AS days, countIf(own.moved > usual.moved) AS days_above,
    round(avg(own.moved / greatest(usual.moved, 1)), 2) AS times_usual, sum(own.moved) AS bytes
FROM per_day AS own
INNER JOIN (SELECT role, day, quantile(0.5)(moved) AS moved FROM per_day GROUP BY role, day) AS usual
    ON usual.role = own.role AND usual.day = own.day
GROUP BY role, agent
ORDER BY days_above / days DESC, times_usual DESC
LIMIT 100
