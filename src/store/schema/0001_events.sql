-- Events with their scores: one row per event, everything that was said of it in the same row, so that one insert
-- stores a batch. A row is known by (source, event_id): a copy that is delivered again collapses into the first one.
-- shard by cityHash64(tenant, agent_id)
CREATE TABLE IF NOT EXISTS event_rows
(
    tenant LowCardinality(String) COMMENT 'tenant that owns agent, session and everything learnt from them',
    agent_id String COMMENT 'agent that made the call' CODEC(ZSTD(1)),
    session_id String COMMENT 'session id as the PEP chose it; with tenant and agent_id it names one session' CODEC(ZSTD(1)),
    source LowCardinality(String) COMMENT 'PEP instance that published the event',
    event_id String COMMENT 'id of the event within its source; a retry of the PEP reuses it' CODEC(ZSTD(1)),
    time DateTime64(3, 'UTC') COMMENT 'event time used for windows, UTC, ms; equals received unless clock is on-time' CODEC(Delta, ZSTD(1)),
    received DateTime64(3, 'UTC') COMMENT 'when the first durable part of the path had it, UTC, ms' CODEC(Delta, ZSTD(1)),
    clock LowCardinality(String) COMMENT 'on-time, late (over 24 h behind) or ahead (over 5 min)',
    signature LowCardinality(String) COMMENT 'signature of the PEP: unchecked, absent, valid or invalid',
    origin LowCardinality(String) COMMENT 'ordered stream it entered by, such as a Kafka partition',
    position UInt64 COMMENT 'place in its origin, rising in the order in which events were judged' CODEC(Delta, ZSTD(1)),

    op LowCardinality(String) COMMENT 'MCP method, or auth, or heartbeat',
    phase LowCardinality(String) COMMENT 'request or response; a call may have both',
    call_id String COMMENT 'joins request and response of one call' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'counter of the PEP, 0 where it keeps none' CODEC(Delta, ZSTD(1)),
    role LowCardinality(String) COMMENT 'role a baseline is learnt for; the agent id where the event states none',
    agent_version LowCardinality(String) COMMENT 'version of the agent, empty where not stated',
    user LowCardinality(String) COMMENT 'person or service the agent works for (on_behalf_of), empty where not stated',
    session_kind LowCardinality(String) COMMENT 'run, conversation, mcp or derived; empty where not stated',
    session_parent String COMMENT 'session that delegated to this one, empty where none' CODEC(ZSTD(1)),
    client_ip LowCardinality(String) COMMENT 'address of the client as the PEP saw it, empty where not stated',

    server LowCardinality(String) COMMENT 'stable name of the MCP server',
    tool LowCardinality(String) COMMENT 'name of the tool as its server calls it, empty where the op has none',
    schema_sha256 LowCardinality(String) COMMENT 'digest of the input schema of the tool, hex, empty where not stated',
    description_sha256 LowCardinality(String) COMMENT 'digest of the description of the tool, hex, empty where not stated',
    target String COMMENT 'resource URI or prompt name, empty where the op has none' CODEC(ZSTD(1)),
    args_bytes Nullable(UInt64) COMMENT 'size of the arguments, bytes; NULL where not stated' CODEC(ZSTD(1)),
    args_sha256 String COMMENT 'digest of the original arguments, hex, empty where not stated' CODEC(ZSTD(1)),

    status LowCardinality(String) COMMENT 'ok, error, denied, timeout, cancelled or input_required; empty on requests',
    error_code LowCardinality(String) COMMENT 'error code of the result, empty where none',
    http_status UInt16 COMMENT 'HTTP status of the upstream, 0 where not stated',
    bytes Nullable(UInt64) COMMENT 'size of the result, bytes; NULL where not stated' CODEC(ZSTD(1)),
    records Nullable(UInt64) COMMENT 'records in the result; NULL where not stated' CODEC(ZSTD(1)),
    duration_ms Nullable(Float32) COMMENT 'how long the call took, ms; NULL where not stated' CODEC(ZSTD(1)),
    labels Array(LowCardinality(String)) COMMENT 'labels the PEP put on the result, such as data classes',

    `refs.in` Array(LowCardinality(String)) COMMENT 'where each destination was named: args, result or intent',
    `refs.kind` Array(LowCardinality(String)) COMMENT 'kind of each destination: email, url, domain, account, path ...',
    `refs.fp` Array(String) COMMENT 'keyed fingerprint of each destination, hex: equality can be seen, the value cannot' CODEC(ZSTD(1)),
    `refs.untrusted` Array(Bool) COMMENT 'true where the text that named it came from outside',
    `refs.imperative` Array(Bool) COMMENT 'true where it stood in a sentence that tells the reader to do something',
    egress_hosts Array(LowCardinality(String)) COMMENT 'hosts (or addresses) the call connected to, as a proxy or sandbox saw it',
    egress_countries Array(LowCardinality(String)) COMMENT 'ISO 3166 country of each egress host, empty where not stated',
    egress_ports Array(LowCardinality(String)) COMMENT 'port of each egress host, host:port; empty where not stated',
    egress_bytes UInt64 COMMENT 'bytes sent to egress hosts, sum, 0 where not stated' CODEC(ZSTD(1)),

    auth_outcome LowCardinality(String) COMMENT 'success, failure, step_up_required or step_up_ok; empty where not an authentication',
    credential_sha256 LowCardinality(String) COMMENT 'digest of the credential used, hex, empty where not stated',
    decision_action LowCardinality(String) COMMENT 'what the PEP was told to do with the call, empty where it did not ask',
    decision_enforced Bool COMMENT 'true where the PEP carried that decision out',
    decision_id String COMMENT 'containment that the PEP obeyed, empty where none' CODEC(ZSTD(1)),
    env_region LowCardinality(String) COMMENT 'region the agent runs in, empty where not stated',
    env_host LowCardinality(String) COMMENT 'host the agent runs on, empty where not stated',
    env_posture LowCardinality(String) COMMENT 'device posture, empty where not stated',
    cpu_pct Nullable(Float32) COMMENT 'CPU use of the agent, percent; NULL where not stated' CODEC(ZSTD(1)),
    mem_mb Nullable(Float32) COMMENT 'memory use of the agent, MB; NULL where not stated' CODEC(ZSTD(1)),
    `listed.tool` Array(LowCardinality(String)) COMMENT 'on tools/list: names of the tools that the server offered',
    `listed.schema_sha256` Array(LowCardinality(String)) COMMENT 'on tools/list: digest of the input schema of each, hex',
    `listed.description_sha256` Array(LowCardinality(String)) COMMENT 'on tools/list: digest of the description of each, hex',

    token LowCardinality(String) COMMENT 'step in the sequence of the session, op and tool, such as tools/call:read_file',
    first_of_call Bool COMMENT 'true for the first event of its call: count these to count calls',
    parameters Array(LowCardinality(String)) COMMENT 'shape of every argument, argument=shape',
    agent_hour DateTime64(3, 'UTC') COMMENT 'hour of event time that the next three count, UTC' CODEC(Delta, ZSTD(1)),
    agent_hour_calls UInt64 COMMENT 'calls of the agent in that hour up to this event, over all its sessions' CODEC(Delta, ZSTD(1)),
    agent_hour_bytes UInt64 COMMENT 'bytes of results in that hour, the same way' CODEC(Delta, ZSTD(1)),
    agent_hour_records UInt64 COMMENT 'records of results in that hour, the same way' CODEC(Delta, ZSTD(1)),

    score Float32 COMMENT 'evidence of this event alone, nats, 0 and up' CODEC(ZSTD(1)),
    risk Float32 COMMENT 'risk of the session after this event, 0 to 1; 0.5 is the containment threshold of the role' CODEC(ZSTD(1)),
    action LowCardinality(String) COMMENT 'what is, or in monitor mode would be, in force after this event: allow or a ladder level',
    baseline LowCardinality(String) COMMENT 'version of the baseline it was judged by, none where the role has none',
    finding_id String COMMENT 'finding that this event raised, empty where none' CODEC(ZSTD(1)),
    `signal.by` Array(LowCardinality(String)) COMMENT 'detector or rule that raised each signal, its id',
    `signal.kind` Array(LowCardinality(String)) COMMENT 'detector or rule',
    `signal.strength` Array(Float32) COMMENT 'surprise of each against the history of the role, nats',
    `signal.tail` Array(Float64) COMMENT 'probability that a clean event of the role is at least this strong',
    `signal.evidence` Array(Float32) COMMENT 'what each added to score, nats',
    `signal.reasons` Array(String) COMMENT 'reasons of each, JSON: [{what, observed, expected, support}]' CODEC(ZSTD(1)),
    `unjudged.detector` Array(LowCardinality(String)) COMMENT 'detectors that could not judge the event',
    `unjudged.missing` Array(LowCardinality(String)) COMMENT 'what each of them needed and did not find',

    event String COMMENT 'the event after redaction, CloudEvents JSON, without the refs that are in their columns: what a session is restored from' CODEC(ZSTD(1)),
    precedence UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received))
        COMMENT 'the first delivery of an event has the highest and is the one that is kept' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(precedence)
PARTITION BY toYYYYMMDD(time)
ORDER BY (tenant, agent_id, session_id, source, event_id)
TTL toDateTime(time) + INTERVAL 90 DAY
SETTINGS index_granularity = 1024, min_bytes_for_wide_part = 268435456, ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 7200, min_age_to_force_merge_on_partition_only = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 20
COMMENT 'stored events; read the view events, which counts each once';
