-- Snapshots that the learn job publishes. A version is immutable; its state may change, and then the newest row is kept.
CREATE TABLE IF NOT EXISTS baselines
(
    tenant LowCardinality(String) COMMENT 'tenant whose history it is',
    role LowCardinality(String) COMMENT 'role it describes',
    version String COMMENT 'first 16 hex digits of the SHA-256 of the snapshot',
    state LowCardinality(String) COMMENT 'learning, active or stale',
    parent LowCardinality(String) COMMENT 'role it borrows from while it is learning, empty where none',
    sessions UInt64 COMMENT 'distinct sessions it was learnt from',
    agents UInt64 COMMENT 'distinct agents it was learnt from',
    days UInt64 COMMENT 'distinct days it was learnt from',
    from_time DateTime64(3, 'UTC') COMMENT 'first event it was learnt from, UTC, ms',
    to_time DateTime64(3, 'UTC') COMMENT 'last event it was learnt from, UTC, ms',
    threshold_nats Float64 COMMENT 'session evidence at which the budget of the role is spent, nats',
    budget Float64 COMMENT 'stated budget, false containments per session',
    achieved Float64 COMMENT 'rate reached on clean history, false containments per session',
    created DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC, ms',
    snapshot String COMMENT 'the compiled profiles, JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(created)
ORDER BY (tenant, role, version)
COMMENT 'published baselines with their snapshots; read the view current_baselines for those in use';

CREATE OR REPLACE VIEW current_baselines
COMMENT 'the newest baseline of each role; one row per tenant and role'
AS SELECT * EXCEPT (snapshot) FROM baselines FINAL
ORDER BY tenant, role, created DESC
LIMIT 1 BY tenant, role;
