-- A finding is known by its id, which is made of session, cause and window; raised again, the newest row is kept.
CREATE TABLE IF NOT EXISTS finding_rows
(
    tenant LowCardinality(String) COMMENT 'tenant of the session',
    finding_id String COMMENT 'id of the finding, made of session, cause and window',
    time DateTime64(3, 'UTC') COMMENT 'time of the event that raised it, UTC, ms' CODEC(Delta, ZSTD(1)),
    agent_id String COMMENT 'agent whose session it is',
    role LowCardinality(String) COMMENT 'role of the agent',
    session_id String COMMENT 'session it was raised in',
    cause LowCardinality(String) COMMENT 'detector or rule that carried it',
    title String COMMENT 'one line for people' CODEC(ZSTD(1)),
    severity LowCardinality(String) COMMENT 'low, medium, high or critical',
    risk Float32 COMMENT 'risk of the session at that moment, 0 to 1',
    reasons String COMMENT 'JSON: [{what, observed, expected, support}]' CODEC(ZSTD(1)),
    signals Array(LowCardinality(String)) COMMENT 'ids of everything that fired on the event',
    tags Array(LowCardinality(String)) COMMENT 'MITRE ATLAS, OWASP Agentic and OWASP MCP ids',
    baseline LowCardinality(String) COMMENT 'version of the baseline it was judged by',
    rule_set LowCardinality(String) COMMENT 'generation of the written rules that ran, empty where none did',
    source LowCardinality(String) COMMENT 'PEP instance of the event; with event_id it names the event',
    event_id String COMMENT 'id of the event within its source',
    call_id String COMMENT 'call of the event',
    server LowCardinality(String) COMMENT 'MCP server of the call',
    tool LowCardinality(String) COMMENT 'tool of the call, empty where the op has none'
)
ENGINE = ReplacingMergeTree(time)
ORDER BY (tenant, finding_id)
TTL toDateTime(time) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored findings; read the view findings, which counts each once';

CREATE OR REPLACE VIEW findings
COMMENT 'alerts that people and SIEMs see; one row per finding'
AS SELECT * FROM finding_rows FINAL;
