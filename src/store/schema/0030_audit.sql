-- A copy of the audit record for analysts; what proves that nothing was changed is the signed chain itself.
CREATE TABLE IF NOT EXISTS audit_rows
(
    tenant LowCardinality(String) COMMENT 'tenant that it was done in, empty for the record itself',
    chain LowCardinality(String) COMMENT 'process that recorded it',
    n UInt64 COMMENT 'place in the chain, from 1',
    time DateTime64(3, 'UTC') COMMENT 'when, UTC, ms' CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String) COMMENT 'containment, approval, request or audit',
    actor String COMMENT 'detector, rule, token, chat user, policy or belay',
    subject String COMMENT 'containment, approval or path that it was done to',
    detail String COMMENT 'JSON: what was done and why' CODEC(ZSTD(1)),
    mac String COMMENT 'HMAC of the record in its chain'
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, chain, n)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored copies of audit records; read the view audit';

CREATE OR REPLACE VIEW audit
COMMENT 'who decided and did what, and why; one row per record'
AS SELECT * FROM audit_rows FINAL;
