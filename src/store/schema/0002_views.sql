-- What analysts read of events. FINAL collapses copies of a row that were delivered more than once; nothing here is
-- aggregated on insert, so a copy cannot be counted twice.
CREATE OR REPLACE VIEW events
COMMENT 'every accepted event once, with its scores; one row per event'
AS SELECT * FROM event_rows FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW signals
(
    tenant LowCardinality(String) COMMENT 'tenant of the event',
    agent_id String COMMENT 'agent of the event',
    role LowCardinality(String) COMMENT 'role of the agent',
    session_id String COMMENT 'session of the event',
    time DateTime64(3, 'UTC') COMMENT 'event time, UTC, ms',
    source LowCardinality(String) COMMENT 'PEP instance; with event_id it names the event',
    event_id String COMMENT 'id of the event within its source',
    call_id String COMMENT 'call the event belongs to',
    server LowCardinality(String) COMMENT 'MCP server',
    tool LowCardinality(String) COMMENT 'tool, empty where the op has none',
    `by` LowCardinality(String) COMMENT 'detector or rule that raised it, its id',
    kind LowCardinality(String) COMMENT 'detector or rule',
    strength Float32 COMMENT 'surprise against the history of the role, nats',
    tail Float64 COMMENT 'probability that a clean event of the role is at least this strong',
    evidence Float32 COMMENT 'what it added to the score of the event, nats',
    reasons String COMMENT 'JSON: [{what, observed, expected, support}]',
    risk Float32 COMMENT 'risk of the session after the event, 0 to 1',
    action LowCardinality(String) COMMENT 'what was, or in monitor mode would have been, in force after the event',
    baseline LowCardinality(String) COMMENT 'version of the baseline it was judged by'
)
COMMENT 'what each detector or rule said; one row per signal'
AS SELECT
    tenant, agent_id, role, session_id, time, source, event_id, call_id, server, tool,
    signal_by AS `by`, signal_kind AS kind, signal_strength AS strength, signal_tail AS tail,
    signal_evidence AS evidence, signal_reasons AS reasons, risk, action, baseline
FROM events
ARRAY JOIN
    `signal.by` AS signal_by, `signal.kind` AS signal_kind, `signal.strength` AS signal_strength,
    `signal.tail` AS signal_tail, `signal.evidence` AS signal_evidence, `signal.reasons` AS signal_reasons;

CREATE OR REPLACE VIEW tool_calls
(
    tenant LowCardinality(String) COMMENT 'tenant of the agent',
    agent_id String COMMENT 'agent that called',
    role LowCardinality(String) COMMENT 'role of the agent',
    user LowCardinality(String) COMMENT 'person or service the agent works for, empty where not stated',
    session_id String COMMENT 'session of the call',
    call_id String COMMENT 'joins request and response',
    time DateTime64(3, 'UTC') COMMENT 'time of the first event of the call, UTC, ms',
    server LowCardinality(String) COMMENT 'MCP server',
    tool LowCardinality(String) COMMENT 'tool that was called',
    status LowCardinality(String) COMMENT 'status of the response; empty where none was seen',
    error_code LowCardinality(String) COMMENT 'error code of the response, empty where none',
    args_bytes Nullable(UInt64) COMMENT 'size of the arguments, bytes; NULL where not stated',
    bytes Nullable(UInt64) COMMENT 'size of the result, bytes; NULL where not stated',
    records Nullable(UInt64) COMMENT 'records in the result; NULL where not stated',
    duration_ms Nullable(Float32) COMMENT 'how long the call took, ms; NULL where not stated',
    score Float32 COMMENT 'highest score of its events, nats',
    risk Float32 COMMENT 'highest risk of the session after one of its events, 0 to 1',
    enforced Bool COMMENT 'true where the PEP stopped or narrowed the call'
)
COMMENT 'tools/call, request and response joined; one row per call'
AS SELECT
    tenant, agent_id, any(events.role) AS role, max(events.user) AS user, session_id, call_id,
    min(events.time) AS time, any(events.server) AS server, max(events.tool) AS tool,
    max(events.status) AS status, max(events.error_code) AS error_code, max(events.args_bytes) AS args_bytes,
    max(events.bytes) AS bytes, max(events.records) AS records, max(events.duration_ms) AS duration_ms,
    max(events.score) AS score, max(events.risk) AS risk, max(events.decision_enforced) AS enforced
FROM events
WHERE op = 'tools/call'
GROUP BY tenant, agent_id, session_id, call_id;

CREATE OR REPLACE VIEW sessions
(
    tenant LowCardinality(String) COMMENT 'tenant of the agent',
    agent_id String COMMENT 'agent whose session it is',
    role LowCardinality(String) COMMENT 'role of the agent',
    user LowCardinality(String) COMMENT 'person or service the agent works for, empty where not stated',
    session_id String COMMENT 'session id; with tenant and agent_id it names the session',
    kind LowCardinality(String) COMMENT 'run, conversation, mcp or derived; empty where not stated',
    parent String COMMENT 'session that delegated to it, empty where none',
    started DateTime64(3, 'UTC') COMMENT 'time of its first event, UTC, ms',
    last_seen DateTime64(3, 'UTC') COMMENT 'time of its last event, UTC, ms',
    events UInt64 COMMENT 'events of the session',
    calls UInt64 COMMENT 'calls of the session, request and response counted as one',
    errors UInt64 COMMENT 'responses with status error or timeout',
    denied UInt64 COMMENT 'responses with status denied',
    bytes Nullable(UInt64) COMMENT 'sum of result sizes, bytes; NULL where none was stated',
    records Nullable(UInt64) COMMENT 'sum of records; NULL where none was stated',
    servers Array(String) COMMENT 'MCP servers it used',
    tools Array(String) COMMENT 'tools it used',
    signals UInt64 COMMENT 'signals raised in it',
    risk Float32 COMMENT 'highest risk it reached, 0 to 1; 0.5 is the containment threshold of its role',
    action LowCardinality(String) COMMENT 'most severe level it reached, in force or in monitor mode planned: allow or a ladder level',
    findings Array(String) COMMENT 'findings raised in it',
    baseline LowCardinality(String) COMMENT 'version of the baseline its last event was judged by'
)
COMMENT 'what each session did and how risky it became; one row per session'
AS SELECT
    tenant, agent_id, any(rows.role) AS role, max(rows.user) AS user, session_id,
    max(rows.session_kind) AS kind, max(rows.session_parent) AS parent,
    min(rows.time) AS started, max(rows.time) AS last_seen, count() AS events,
    countIf(rows.first_of_call) AS calls, countIf(rows.status IN ('error', 'timeout')) AS errors,
    countIf(rows.status = 'denied') AS denied, sum(rows.bytes) AS bytes, sum(rows.records) AS records,
    arraySort(groupUniqArray(rows.server)) AS servers,
    arraySort(groupUniqArrayIf(rows.tool, rows.tool != '')) AS tools,
    sum(length(rows.`signal.by`)) AS signals, max(rows.risk) AS risk,
    argMax(rows.action, indexOf(['allow', 'monitor', 'require_step_up', 'restrict_read_only', 'quarantine_tool', 'suspend_session'], rows.action)) AS action,
    arraySort(groupUniqArrayIf(rows.finding_id, rows.finding_id != '')) AS findings,
    argMax(rows.baseline, rows.received) AS baseline
FROM events AS rows
GROUP BY tenant, agent_id, session_id;

CREATE OR REPLACE VIEW tools_seen
(
    tenant LowCardinality(String) COMMENT 'tenant in which it was seen',
    server LowCardinality(String) COMMENT 'MCP server',
    tool LowCardinality(String) COMMENT 'tool as its server calls it',
    schema_sha256 LowCardinality(String) COMMENT 'digest of its input schema, hex, empty where not stated',
    description_sha256 LowCardinality(String) COMMENT 'digest of its description, hex, empty where not stated',
    first_seen DateTime64(3, 'UTC') COMMENT 'first event that showed it so, UTC, ms',
    last_seen DateTime64(3, 'UTC') COMMENT 'last event that showed it so, UTC, ms',
    calls UInt64 COMMENT 'calls of it in this shape; 0 where it was only listed',
    agents UInt64 COMMENT 'distinct agents that called or listed it',
    sources Array(String) COMMENT 'PEP instances that saw it'
)
COMMENT 'every shape of every tool that was listed or called; two rows for one tool mean that it changed'
AS SELECT
    tenant, server, seen_tool AS tool, seen_schema AS schema_sha256, seen_description AS description_sha256,
    min(time) AS first_seen, max(time) AS last_seen, countIf(is_call) AS calls, uniqExact(agent_id) AS agents,
    arraySort(groupUniqArray(source)) AS sources
FROM
(
    SELECT tenant, server, tool AS seen_tool, schema_sha256 AS seen_schema, description_sha256 AS seen_description,
        time, agent_id, source, op = 'tools/call' AND first_of_call AS is_call
    FROM events WHERE tool != ''
    UNION ALL
    SELECT tenant, server, listed_tool AS seen_tool, listed_schema AS seen_schema, listed_description AS seen_description,
        time, agent_id, source, false AS is_call
    FROM events
    ARRAY JOIN `listed.tool` AS listed_tool, `listed.schema_sha256` AS listed_schema,
        `listed.description_sha256` AS listed_description
)
GROUP BY tenant, server, seen_tool, seen_schema, seen_description;
