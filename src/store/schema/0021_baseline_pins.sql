-- Baselines that people keep in force: what is learnt meanwhile waits.
CREATE TABLE IF NOT EXISTS baseline_pins
(
    tenant LowCardinality(String) COMMENT 'tenant of the role',
    role LowCardinality(String) COMMENT 'role whose baseline is kept',
    version String COMMENT 'version that is kept in force; empty once it is let go',
    by String COMMENT 'who did it',
    reason String COMMENT 'why',
    at DateTime64(3, 'UTC') COMMENT 'when, UTC, ms'
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (tenant, role)
COMMENT 'baselines that people rolled back to and keep in force; the newest row of each role counts';
