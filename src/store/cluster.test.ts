import { expect, test } from 'vitest'
import { renderStatement } from './cluster.ts'
import { readMigrations } from './migrate.ts'

const CLUSTER = { name: 'north', database: 'belay' }

test('without a cluster a statement stays as it is written', () => {
  for (const { statements } of readMigrations()) {
    for (const statement of statements) expect(renderStatement(statement)).toEqual([statement])
  }
})

test('a table becomes a replicated one on every node and a distributed one over them', () => {
  const sql = `-- shard by cityHash64(tenant)
CREATE TABLE IF NOT EXISTS things
(
    tenant String COMMENT 'whose'
)
ENGINE = ReplacingMergeTree(created)
ORDER BY (tenant, id)
COMMENT 'things'`
  expect(renderStatement(sql, CLUSTER)).toMatchInlineSnapshot(`
    [
      "-- shard by cityHash64(tenant)
    CREATE TABLE IF NOT EXISTS things_local ON CLUSTER 'north'
    (
        tenant String COMMENT 'whose'
    )
    ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', created)
    ORDER BY (tenant, id)
    COMMENT 'things'",
      "CREATE TABLE IF NOT EXISTS things ON CLUSTER 'north' AS things_local
    ENGINE = Distributed('north', 'belay', 'things_local', cityHash64(tenant))",
    ]
  `)
})

test('without a note the whole sorting key says on which shard a row lives, so that copies of it meet', () => {
  const sql = 'CREATE TABLE IF NOT EXISTS t (a String) ENGINE = MergeTree\nORDER BY (a, toDate(b))'
  const [local, distributed] = renderStatement(sql, CLUSTER)
  expect(local).toContain(`ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')`)
  expect(distributed).toContain('cityHash64(a, toDate(b))')
})

test('statements reach the tables that hold the rows, on every node', () => {
  const rendered = [
    'CREATE OR REPLACE VIEW v AS SELECT 1',
    'ALTER TABLE t DELETE WHERE x = 1',
    'ALTER TABLE t ADD COLUMN IF NOT EXISTS c String',
    'DELETE FROM t WHERE x = 1',
    'DROP TABLE IF EXISTS t',
    'INSERT INTO t SELECT 1',
  ].map((sql) => renderStatement(sql, CLUSTER))
  expect(rendered).toMatchInlineSnapshot(`
    [
      [
        "CREATE OR REPLACE VIEW v ON CLUSTER 'north' AS SELECT 1",
      ],
      [
        "ALTER TABLE t_local ON CLUSTER 'north' DELETE WHERE x = 1",
      ],
      [
        "ALTER TABLE t_local ON CLUSTER 'north' ADD COLUMN IF NOT EXISTS c String",
        "ALTER TABLE t ON CLUSTER 'north' ADD COLUMN IF NOT EXISTS c String",
      ],
      [
        "DELETE FROM t_local ON CLUSTER 'north' WHERE x = 1",
      ],
      [
        "DROP TABLE IF EXISTS t ON CLUSTER 'north'",
        "DROP TABLE IF EXISTS t_local ON CLUSTER 'north'",
      ],
      [
        "INSERT INTO t SELECT 1",
      ],
    ]
  `)
})

test('every statement of the schema can be rendered, and none forgets the cluster', () => {
  const statements = readMigrations().flatMap((migration) => migration.statements)
  const rendered = statements.flatMap((statement) => renderStatement(statement, CLUSTER))
  expect(rendered.filter((sql) => !sql.includes(`ON CLUSTER 'north'`))).toEqual([])
})
