-- What the sessions of a tenant show together and history vouches for: definitions of tools by server, who comes with
-- which credential from where, how often authentication fails. Published by the learn job beside the baselines.
CREATE TABLE IF NOT EXISTS fleet_snapshots
(
    tenant LowCardinality(String) COMMENT 'tenant whose history it is',
    version String COMMENT 'first 16 hex digits of the SHA-256 of the snapshot',
    sessions UInt64 COMMENT 'distinct sessions it was learnt from',
    days UInt64 COMMENT 'distinct days it was learnt from',
    from_time DateTime64(3, 'UTC') COMMENT 'first event it was learnt from, UTC, ms',
    to_time DateTime64(3, 'UTC') COMMENT 'last event it was learnt from, UTC, ms',
    created DateTime64(3, 'UTC') COMMENT 'when this row was written, UTC, ms',
    snapshot String COMMENT 'the snapshot, JSON' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(created)
ORDER BY tenant
COMMENT 'the newest fleet snapshot of each tenant; read with FINAL';
