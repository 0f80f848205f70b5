-- How did the definitions of tools change?
-- server String '': of this server; empty for every one
-- tool String '': of this tool; empty for every one
SELECT server, tool, schema_sha256, description_sha256, first_seen, last_seen, calls, agents,
    row_number() OVER (PARTITION BY server, tool ORDER BY first_seen) AS version
FROM tools_seen
WHERE ({server:String} = '' OR server = {server:String}) AND ({tool:String} = '' OR tool = {tool:String})
ORDER BY server, tool, first_seen
LIMIT 500
