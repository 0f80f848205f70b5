-- What could not be accepted, with its original bytes. Known by where it stood and what it was.
-- shard by cityHash64(origin, position)
CREATE TABLE IF NOT EXISTS dead_letter_rows
(
    origin LowCardinality(String) COMMENT 'ordered stream it entered by, such as a Kafka partition',
    position UInt64 COMMENT 'place in its origin',
    received DateTime64(3, 'UTC') COMMENT 'when it was received, UTC, ms' CODEC(Delta, ZSTD(1)),
    tenant LowCardinality(String) COMMENT 'tenant of the sender, empty where not known',
    reason LowCardinality(String) COMMENT 'json, schema, signature, size, time or handler',
    error String COMMENT 'a sentence that says what to do' CODEC(ZSTD(1)),
    pointer String COMMENT 'JSON pointer of the offending member, empty where there is none',
    attempts UInt64 COMMENT 'how often it was tried',
    message_key String COMMENT 'key of the Kafka message, empty where none',
    bytes String COMMENT 'original bytes, cut at 256 KiB' CODEC(ZSTD(3)),
    digest UInt64 MATERIALIZED sipHash64(bytes, pointer) COMMENT 'tells items of one message apart'
)
ENGINE = ReplacingMergeTree
ORDER BY (origin, position, digest)
TTL toDateTime(received) + INTERVAL 90 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'stored dead letters; read the view dead_letters';

CREATE TABLE IF NOT EXISTS dead_letter_replays
(
    origin LowCardinality(String) COMMENT 'origin of the dead letter',
    position UInt64 COMMENT 'position of the dead letter',
    replayed_at DateTime64(3, 'UTC') COMMENT 'when it was sent in again, UTC, ms'
)
ENGINE = ReplacingMergeTree(replayed_at)
ORDER BY (origin, position)
TTL toDateTime(replayed_at) + INTERVAL 90 DAY
COMMENT 'dead letters that were sent in again';

CREATE OR REPLACE VIEW dead_letters
(
    origin LowCardinality(String) COMMENT 'ordered stream it entered by, such as a Kafka partition',
    position UInt64 COMMENT 'place in its origin',
    received DateTime64(3, 'UTC') COMMENT 'when it was received, UTC, ms',
    tenant LowCardinality(String) COMMENT 'tenant of the sender, empty where not known',
    reason LowCardinality(String) COMMENT 'json, schema, signature, size, time or handler',
    error String COMMENT 'a sentence that says what to do',
    pointer String COMMENT 'JSON pointer of the offending member, empty where there is none',
    attempts UInt64 COMMENT 'how often it was tried',
    message_key String COMMENT 'key of the Kafka message, empty where none',
    bytes String COMMENT 'original bytes, cut at 256 KiB',
    replayed_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when it was last sent in again, UTC, ms; NULL where never'
)
COMMENT 'events that could not be accepted, with their bytes; one row each'
AS SELECT letters.origin AS origin, letters.position AS position, received, tenant, reason, error, pointer, attempts,
    message_key, bytes, nullIf(replays.replayed_at, toDateTime64(0, 3, 'UTC')) AS replayed_at
FROM (SELECT * FROM dead_letter_rows FINAL) AS letters
GLOBAL LEFT JOIN (SELECT * FROM dead_letter_replays FINAL) AS replays
    ON letters.origin = replays.origin AND letters.position = replays.position;
