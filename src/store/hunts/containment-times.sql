-- How long did containments take to be applied, per gateway and level?
-- days UInt16 30: how many days back
SELECT gateway, level, count() AS acknowledged, round(quantile(0.5)(took), 0) AS p50_ms, round(quantile(0.99)(took), 0) AS p99_ms
FROM
(
    SELECT gateway, level, toUnixTimestamp64Milli(time) - toUnixTimestamp64Milli(event_received) AS took
    FROM containment_changes
    WHERE state = 'acknowledged' AND gateway != '' AND time > now() - toIntervalDay({days:UInt16})
)
GROUP BY gateway, level
ORDER BY gateway, level
