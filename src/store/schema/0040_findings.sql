-- One row per revision of a finding, known by the finding and the event that made it: delivered again and cut into other
-- batches it is the same row, and a process that has forgotten the beginning of a situation loses none of it, because
-- the view takes the worst of all revisions.
-- shard by cityHash64(tenant, finding_id)
CREATE TABLE IF NOT EXISTS finding_revision_rows
(
    tenant LowCardinality(String) COMMENT 'tenant of the session',
    finding_id String COMMENT 'id of the finding, made of session, cause and the UTC day of its first event',
    revised DateTime64(3, 'UTC') COMMENT 'time of the event that made the revision, UTC, ms' CODEC(Delta, ZSTD(1)),
    revised_source LowCardinality(String) COMMENT 'PEP instance of the event that made the revision',
    revised_event String COMMENT 'id of that event within its source' CODEC(ZSTD(1)),
    revised_call String COMMENT 'call of that event' CODEC(ZSTD(1)),
    activity LowCardinality(String) COMMENT 'created or updated',
    opened DateTime64(3, 'UTC') COMMENT 'time of the first event of the situation, UTC, ms' CODEC(Delta, ZSTD(1)),
    count UInt64 COMMENT 'events that showed the situation up to this revision' CODEC(ZSTD(1)),
    agent_id String COMMENT 'agent whose session it is',
    role LowCardinality(String) COMMENT 'role of the agent',
    session_id String COMMENT 'session it was raised in',
    cause LowCardinality(String) COMMENT 'detector or rule that carried it',
    title String COMMENT 'one line for people' CODEC(ZSTD(1)),
    severity LowCardinality(String) COMMENT 'of the worst event up to this revision: low, medium, high or critical',
    severity_rank UInt8 MATERIALIZED indexOf(['low', 'medium', 'high', 'critical'], severity) COMMENT '1 low to 4 critical',
    risk Float32 COMMENT 'risk of the session at the worst event, 0 to 1',
    score Float32 COMMENT 'evidence of the worst event alone, nats',
    reasons String COMMENT 'of the worst event, JSON: [{what, observed, expected, support}]' CODEC(ZSTD(1)),
    signals Array(LowCardinality(String)) COMMENT 'ids of everything that fired on the worst event',
    tags Array(LowCardinality(String)) COMMENT 'MITRE ATLAS, OWASP Agentic and OWASP MCP ids',
    runbook Array(LowCardinality(String)) COMMENT 'what to do, step by step',
    baseline LowCardinality(String) COMMENT 'version of the baseline it was judged by',
    passport String COMMENT 'what that baseline was worth, JSON: {version, state, sessions, agents, days, fromMs, toMs, parent}; empty where none was asked' CODEC(ZSTD(1)),
    rule_set LowCardinality(String) COMMENT 'generation of the written rules that ran, empty where none did',
    source LowCardinality(String) COMMENT 'PEP instance of the worst event; with event_id it names the event',
    event_id String COMMENT 'id of the worst event within its source',
    call_id String COMMENT 'call of the worst event',
    server LowCardinality(String) COMMENT 'MCP server of the call',
    tool LowCardinality(String) COMMENT 'tool of the call, empty where the op has none',
    time DateTime64(3, 'UTC') COMMENT 'time of the worst event, UTC, ms' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, finding_id, revised_source, revised_event)
TTL toDateTime(revised) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored revisions of findings; read the views findings and finding_revisions';

-- What analysts said of findings. Said again the newest counts; the history stays.
CREATE TABLE IF NOT EXISTS finding_dispositions
(
    tenant LowCardinality(String) COMMENT 'tenant of the finding',
    finding_id String COMMENT 'finding that was closed',
    at DateTime64(3, 'UTC') COMMENT 'when, UTC, ms',
    disposition LowCardinality(String) COMMENT 'true_positive, benign, false_positive or duplicate',
    by String COMMENT 'who said so',
    reason String COMMENT 'why',
    duplicate_of String COMMENT 'finding it repeats; empty for any other disposition',
    severity LowCardinality(String) COMMENT 'severity that the finding had when it was closed'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, finding_id, at)
TTL toDateTime(at) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'what analysts found findings to be; one row per closing';

CREATE OR REPLACE VIEW finding_revisions
COMMENT 'how findings grew; one row per revision'
AS SELECT * FROM finding_revision_rows FINAL;

CREATE OR REPLACE VIEW findings
(
    tenant LowCardinality(String) COMMENT 'tenant of the session',
    finding_id String COMMENT 'id of the finding, made of session, cause and the UTC day of its first event',
    time DateTime64(3, 'UTC') COMMENT 'time of the first event of the situation, UTC, ms',
    event_time DateTime64(3, 'UTC') COMMENT 'time of its worst event, UTC, ms',
    updated DateTime64(3, 'UTC') COMMENT 'time of the event of its newest revision, UTC, ms',
    status LowCardinality(String) COMMENT 'open or closed; a closed one that became worse is open again',
    agent_id String COMMENT 'agent whose session it is',
    role LowCardinality(String) COMMENT 'role of the agent',
    session_id String COMMENT 'session of its worst event',
    cause LowCardinality(String) COMMENT 'detector or rule that carried it',
    title String COMMENT 'one line for people',
    severity LowCardinality(String) COMMENT 'of its worst event: low, medium, high or critical',
    risk Float32 COMMENT 'risk of the session at the worst event, 0 to 1',
    score Float32 COMMENT 'evidence of the worst event alone, nats',
    sessions Array(String) COMMENT 'every session it was raised in; more than one where its rule suppresses by group',
    count UInt64 COMMENT 'events that showed the situation, as far as revisions tell',
    revisions UInt64 COMMENT 'how often people were told of it',
    reasons String COMMENT 'of the worst event, JSON: [{what, observed, expected, support}]',
    signals Array(String) COMMENT 'ids of everything that fired on the worst event',
    tags Array(String) COMMENT 'MITRE ATLAS, OWASP Agentic and OWASP MCP ids',
    runbook Array(String) COMMENT 'what to do, step by step',
    baseline LowCardinality(String) COMMENT 'version of the baseline it was judged by',
    passport String COMMENT 'what that baseline was worth, JSON: {version, state, sessions, agents, days, fromMs, toMs, parent}; empty where none was asked',
    rule_set LowCardinality(String) COMMENT 'generation of the written rules that ran, empty where none did',
    source LowCardinality(String) COMMENT 'PEP instance of the worst event; with event_id it names the event',
    event_id String COMMENT 'id of the worst event within its source',
    call_id String COMMENT 'call of the worst event',
    server LowCardinality(String) COMMENT 'MCP server of that call',
    tool LowCardinality(String) COMMENT 'tool of that call, empty where the op has none',
    latest_source LowCardinality(String) COMMENT 'PEP instance of the event of its newest revision',
    latest_event String COMMENT 'id of that event within its source',
    latest_call String COMMENT 'call of that event',
    events Array(String) COMMENT 'ids of the events that people were told of, the worst among them',
    containment_id String COMMENT 'newest containment that answers it, empty where none does',
    containment_level LowCardinality(String) COMMENT 'its ladder level, empty where none',
    containment_state LowCardinality(String) COMMENT 'how far it has come, such as requested, in_effect or released; empty where none',
    disposition LowCardinality(String) COMMENT 'what an analyst found it to be: true_positive, benign, false_positive or duplicate; empty where nobody did',
    disposed_by String COMMENT 'who said so, empty where nobody did',
    disposed_reason String COMMENT 'why, empty where nobody did',
    disposed Nullable(DateTime64(3, 'UTC')) COMMENT 'when, UTC, ms; NULL where nobody did',
    duplicate_of String COMMENT 'finding it repeats, empty where it is no duplicate'
)
COMMENT 'alerts that people and SIEMs see, as they stand; one row per finding'
AS WITH (rows.severity_rank, rows.score, rows.revised) AS badness
SELECT
    found.tenant AS tenant, found.finding_id AS finding_id, time, event_time, updated,
    if(said.finding_id = '' OR severity_rank > indexOf(['low', 'medium', 'high', 'critical'], said.severity), 'open', 'closed') AS status,
    agent_id, role, session_id, cause, title, found.severity AS severity, risk, score, sessions, count, revisions, reasons,
    signals, tags, runbook, baseline, passport, rule_set, source, event_id, call_id, server, tool,
    latest.1 AS latest_source, latest.2 AS latest_event, latest.3 AS latest_call,
    arraySort(arrayDistinct(arrayPushBack(told_of, event_id))) AS events,
    held.containment_id AS containment_id, held.level AS containment_level, held.state AS containment_state,
    said.disposition AS disposition, said.by AS disposed_by, said.reason AS disposed_reason,
    if(said.finding_id = '', NULL, said.at) AS disposed, said.duplicate_of AS duplicate_of
FROM
(
    SELECT
        tenant, finding_id, min(rows.opened) AS time, argMax(rows.time, badness) AS event_time, max(rows.revised) AS updated,
        argMax(rows.agent_id, badness) AS agent_id, argMax(rows.role, badness) AS role,
        argMax(rows.session_id, badness) AS session_id, argMax(rows.cause, badness) AS cause,
        argMax(rows.title, badness) AS title, argMax(rows.severity, badness) AS severity,
        argMax(rows.risk, badness) AS risk, argMax(rows.score, badness) AS score,
        arraySum(mapValues(maxMap(map(concat(rows.agent_id, char(31), rows.session_id), rows.count)))) AS count,
        arraySort(groupUniqArray(rows.session_id)) AS sessions,
        count() AS revisions, argMax(rows.reasons, badness) AS reasons, argMax(rows.signals, badness) AS signals,
        argMax(rows.tags, badness) AS tags, argMax(rows.runbook, badness) AS runbook,
        argMax(rows.baseline, badness) AS baseline, argMax(rows.passport, badness) AS passport,
        argMax(rows.rule_set, badness) AS rule_set, argMax(rows.source, badness) AS source,
        argMax(rows.event_id, badness) AS event_id, argMax(rows.call_id, badness) AS call_id,
        argMax(rows.server, badness) AS server, argMax(rows.tool, badness) AS tool,
        max(rows.severity_rank) AS severity_rank, arraySort(groupUniqArray(rows.revised_event)) AS told_of,
        argMax((rows.revised_source, rows.revised_event, rows.revised_call), (rows.revised, rows.count)) AS latest
    FROM (SELECT *, severity_rank FROM finding_revision_rows FINAL) AS rows
    GROUP BY tenant, finding_id
) AS found
GLOBAL LEFT JOIN
(
    SELECT tenant, finding_id, containment_id, level, state FROM containments
    WHERE finding_id != '' ORDER BY issued DESC LIMIT 1 BY tenant, finding_id
) AS held ON held.tenant = found.tenant AND held.finding_id = found.finding_id
GLOBAL LEFT JOIN
(
    SELECT * FROM finding_dispositions FINAL ORDER BY at DESC LIMIT 1 BY tenant, finding_id
) AS said ON said.tenant = found.tenant AND said.finding_id = found.finding_id;

-- What false positives ask for: an exception that is narrow, measured on stored events, and in force only once a person
-- accepted it. The newest row of each counts; the history stays.
CREATE TABLE IF NOT EXISTS exception_rows
(
    tenant LowCardinality(String) COMMENT 'tenant of the finding, and of what is excepted',
    exception_id String COMMENT 'the finding that it comes from',
    at DateTime64(3, 'UTC') COMMENT 'when it came to this state, UTC, ms',
    kind LowCardinality(String) COMMENT 'filter: a Sigma filter of a written rule; clearance: the session is learnt from',
    state LowCardinality(String) COMMENT 'measuring, proposed, failed, accepted or declined',
    cause LowCardinality(String) COMMENT 'rule or detector that it is about',
    role LowCardinality(String) COMMENT 'role of the agent',
    agent_id String COMMENT 'agent whose session it was',
    session_id String COMMENT 'session of the finding',
    filter String COMMENT 'the Sigma filter, YAML; empty for a clearance',
    effect String COMMENT 'what it would have changed, JSON; empty while it is measured' CODEC(ZSTD(1)),
    by String COMMENT 'who proposed, accepted or declined it',
    reason String COMMENT 'why',
    expires Date COMMENT 'day on which a filter ends'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, exception_id, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored states of exceptions; read the view exceptions';

CREATE OR REPLACE VIEW exceptions
COMMENT 'exceptions that false positives proposed, as they stand; one row per exception'
AS SELECT * FROM exception_rows FINAL ORDER BY at DESC LIMIT 1 BY tenant, exception_id;
