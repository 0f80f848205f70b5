-- Every step of every containment. A change is known by what it says, so that one told twice is one row.
CREATE TABLE IF NOT EXISTS containment_change_rows
(
    tenant LowCardinality(String) COMMENT 'tenant of the target',
    containment_id String COMMENT 'id of the order, the containment_id of the wire',
    revision UInt64 COMMENT 'rises with every change of what a PEP should do',
    state LowCardinality(String) COMMENT 'planned, requested, delivered, acknowledged, in_effect, released, expired, refused, unsupported or ineffective',
    gateway LowCardinality(String) COMMENT 'gateway that said so, empty for changes that no gateway caused',
    attempt UInt64 COMMENT 'delivery attempt, from 0',
    time DateTime64(3, 'UTC') COMMENT 'when it changed, UTC, ms' CODEC(Delta, ZSTD(1)),
    level LowCardinality(String) COMMENT 'ladder level: monitor, require_step_up, restrict_read_only, quarantine_tool or suspend_session',
    target_kind LowCardinality(String) COMMENT 'session, agent, user, tool or server',
    target_id String COMMENT 'id of the target; server/name for a tool',
    target_agent String COMMENT 'agent of a session target, empty otherwise',
    cause LowCardinality(String) COMMENT 'detector or rule it answers, or operator',
    reason String COMMENT 'one sentence for people' CODEC(ZSTD(1)),
    severity LowCardinality(String) COMMENT 'low, medium, high or critical',
    score Float32 COMMENT 'risk of the session when it was ordered, 0 to 1',
    finding_id String COMMENT 'finding it answers',
    rules Array(LowCardinality(String)) COMMENT 'rules that fired',
    issued DateTime64(3, 'UTC') COMMENT 'when it was ordered, UTC, ms',
    expires DateTime64(3, 'UTC') COMMENT 'when its lease ends, UTC, ms',
    mode LowCardinality(String) COMMENT 'enforce, or monitor: planned and counted, never delivered',
    source LowCardinality(String) COMMENT 'PEP instance of the event that caused it',
    event_id String COMMENT 'id of that event within its source',
    call_id String COMMENT 'call of that event',
    event_received DateTime64(3, 'UTC') COMMENT 'when that event was received, UTC, ms',
    applied Nullable(DateTime64(3, 'UTC')) COMMENT 'when a gateway says it applied it, UTC, ms; NULL where none said so',
    released_by String COMMENT 'who released it, empty where nobody did',
    detail String COMMENT 'what the gateway said, or why' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, containment_id, revision, state, gateway, attempt)
TTL toDateTime(time) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored changes of containments; read the views containment_changes and containments';

CREATE OR REPLACE VIEW containment_changes
COMMENT 'the history of every containment; one row per change'
AS SELECT * FROM containment_change_rows FINAL;

CREATE OR REPLACE VIEW containments
COMMENT 'every containment as it stands; one row per containment, its newest change'
AS SELECT * FROM containment_change_rows FINAL
ORDER BY tenant, containment_id, revision DESC, state IN ('released', 'expired') DESC, time DESC,
    indexOf(['planned', 'requested', 'delivered', 'acknowledged', 'in_effect', 'refused', 'unsupported', 'ineffective', 'released', 'expired'], state) DESC
LIMIT 1 BY tenant, containment_id;
