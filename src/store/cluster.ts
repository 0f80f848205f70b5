/**
 * The schema is written for one server. With a cluster's name set, each statement is rendered so that the same names
 * work on every node: `x_local` holds a shard's rows and is replicated, `x` is a Distributed table over all of them,
 * views are made on every node. Macros {shard} and {replica} are the server's own, as its documentation advises.
 */
export interface Cluster {
  readonly name: string
  readonly database: string
}

const CREATE_TABLE = /^CREATE TABLE IF NOT EXISTS (\w+)\b/im
const ENGINE = /\bENGINE = (\w*MergeTree)(?:\(([^)]*)\))?/
const ORDER_BY = /\bORDER BY (\(.*\)|\w+)\s*$/m
const SHARD_BY = /^-- shard by (.+)$/m
const ON_VIEW = /^(CREATE OR REPLACE VIEW|DROP VIEW IF EXISTS) (\w+)/im
const ON_LOCAL = /^(ALTER TABLE|DELETE FROM|OPTIMIZE TABLE|TRUNCATE TABLE) (\w+)/im
const ON_BOTH = /^(DROP TABLE IF EXISTS) (\w+)/im
/** Changes of columns must reach the Distributed table too, which has columns but no data, indexes or TTL. */
const CHANGES_COLUMNS = /^ALTER TABLE \w+ (ADD|DROP|COMMENT) COLUMN /im

/** One statement of a migration or of the learn job as the statements to run, in order. */
export function renderStatement(statement: string, cluster?: Cluster): readonly string[] {
  if (cluster === undefined) return [statement]
  const on = `ON CLUSTER '${cluster.name}'`
  if (CREATE_TABLE.test(statement)) return distributedTable(statement, cluster, on)
  if (ON_VIEW.test(statement)) return [statement.replace(ON_VIEW, `$1 $2 ${on}`)]
  const local = (pattern: RegExp): string => statement.replace(pattern, `$1 $2_local ${on}`)
  const plain = (pattern: RegExp): string => statement.replace(pattern, `$1 $2 ${on}`)
  if (ON_BOTH.test(statement)) return [plain(ON_BOTH), local(ON_BOTH)]
  if (CHANGES_COLUMNS.test(statement)) return [local(ON_LOCAL), plain(ON_LOCAL)]
  if (ON_LOCAL.test(statement)) return [local(ON_LOCAL)]
  return [statement]
}

function distributedTable(statement: string, cluster: Cluster, on: string): readonly string[] {
  const table = CREATE_TABLE.exec(statement)?.[1]
  const engine = ENGINE.exec(statement)
  const shardBy = SHARD_BY.exec(statement)?.[1] ?? shardByKey(statement)
  if (table === undefined || engine === null || shardBy === undefined) {
    throw new TypeError(`cannot distribute this table: it needs "ENGINE = …MergeTree" and "ORDER BY": ${statement}`)
  }
  const [, family = '', parameters = ''] = engine
  const replicated = [`'/clickhouse/tables/{shard}/{database}/{table}'`, `'{replica}'`, parameters]
    .filter((part) => part !== '')
    .join(', ')
  return [
    statement
      .replace(CREATE_TABLE, `CREATE TABLE IF NOT EXISTS ${table}_local ${on}`)
      .replace(ENGINE, `ENGINE = Replicated${family}(${replicated})`),
    `CREATE TABLE IF NOT EXISTS ${table} ${on} AS ${table}_local\n` +
      `ENGINE = Distributed('${cluster.name}', '${cluster.database}', '${table}_local', ${shardBy})`,
  ]
}

/** Rows with one identity must meet on one shard: without a note in the file, the whole sorting key decides. */
function shardByKey(statement: string): string | undefined {
  const key = ORDER_BY.exec(statement)?.[1]
  if (key === undefined) return undefined
  return key.startsWith('(') ? `cityHash64${key}` : `cityHash64(${key})`
}
