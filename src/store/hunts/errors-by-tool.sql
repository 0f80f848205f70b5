-- Which tools fail most, and since when?
-- days UInt16 30: how many days back
SELECT server, tool, count() AS calls, countIf(status IN ('error', 'timeout')) AS failed, round(failed / calls, 3) AS share,
    topK(3)(error_code) AS codes, maxIf(time, status IN ('error', 'timeout')) AS last
FROM tool_calls
WHERE time > now() - toIntervalDay({days:UInt16})
GROUP BY server, tool
HAVING failed > 0
ORDER BY failed DESC
LIMIT 100
