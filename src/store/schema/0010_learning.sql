-- What baselines are learnt from, as tables an analyst can read: which sessions, and what they showed per day. A day is
-- computed again by writing a new generation of it; the row in learnt_days makes that generation the one that counts.
CREATE TABLE IF NOT EXISTS learnt_session_rows
(
    tenant LowCardinality(String) COMMENT 'tenant of the session',
    role LowCardinality(String) COMMENT 'role it was learnt for',
    agent_id String COMMENT 'agent whose session it is',
    session_id String COMMENT 'session id; with tenant and agent_id it names the session',
    day Date COMMENT 'UTC day of its first event: a session belongs to one day',
    fold UInt8 COMMENT '0 to 3: calibration judges a fold by what the other three taught',
    calls UInt32 COMMENT 'calls of the session',
    first_time DateTime64(3, 'UTC') COMMENT 'its first event, UTC, ms',
    last_time DateTime64(3, 'UTC') COMMENT 'its last event, UTC, ms',
    generation UInt64 COMMENT 'run of the learn job that wrote it, Unix ms'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, role, generation, agent_id, session_id)
TTL day + INTERVAL 400 DAY
COMMENT 'sessions that were clean, settled and within the cap of their agent; read the view learnt_sessions';

CREATE TABLE IF NOT EXISTS profile_rows
(
    tenant LowCardinality(String) COMMENT 'tenant whose history it is',
    role LowCardinality(String) COMMENT 'role it was learnt for',
    day Date COMMENT 'UTC day of the sessions',
    fold UInt8 COMMENT '0 to 3, of the sessions',
    profile LowCardinality(String) COMMENT 'sequence, volume, hours, destinations, tools, parameters or latency',
    key String COMMENT 'what is counted, by profile: context, measure and tool, fingerprint, server, tool' CODEC(ZSTD(1)),
    subkey String COMMENT 'its value: next step, bucket, host, tool, argument and shape' CODEC(ZSTD(1)),
    events UInt64 COMMENT 'how often, each session counted up to its cap' CODEC(ZSTD(1)),
    sessions UInt32 COMMENT 'in how many distinct sessions' CODEC(ZSTD(1)),
    agents UInt32 COMMENT 'of how many distinct agents' CODEC(ZSTD(1)),
    generation UInt64 COMMENT 'run of the learn job that wrote it, Unix ms'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, role, day, generation, profile, key, subkey, fold)
TTL day + INTERVAL 400 DAY
COMMENT 'what the sessions of a day showed, profile by profile; read the view profile_days';

CREATE TABLE IF NOT EXISTS learnt_days
(
    tenant LowCardinality(String) COMMENT 'tenant',
    day Date COMMENT 'UTC day that was learnt',
    generation UInt64 COMMENT 'the generation of the day that counts'
)
ENGINE = ReplacingMergeTree(generation)
ORDER BY (tenant, day)
COMMENT 'days that were learnt; the newest generation of each counts';

CREATE TABLE IF NOT EXISTS session_clearances
(
    tenant LowCardinality(String) COMMENT 'tenant of the session',
    agent_id String COMMENT 'agent whose session it is',
    session_id String COMMENT 'session id',
    cleared_by String COMMENT 'person who looked at it',
    note String COMMENT 'what that person found',
    at DateTime64(3, 'UTC') COMMENT 'when, UTC, ms'
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (tenant, agent_id, session_id)
COMMENT 'sessions that were alerted or contained and found harmless: the learn job may use them';

CREATE OR REPLACE VIEW learnt_sessions
COMMENT 'the sessions that baselines are learnt from; one row per session'
AS SELECT * FROM learnt_session_rows FINAL
WHERE (tenant, day, generation) IN (SELECT tenant, day, max(generation) FROM learnt_days GROUP BY tenant, day);

CREATE OR REPLACE VIEW profile_days
COMMENT 'what the sessions of each day showed, profile by profile'
AS SELECT * FROM profile_rows FINAL
WHERE (tenant, day, generation) IN (SELECT tenant, day, max(generation) FROM learnt_days GROUP BY tenant, day);
