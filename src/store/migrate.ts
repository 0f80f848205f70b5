import { readdirSync, readFileSync } from 'node:fs'
import { type Cluster, renderStatement } from './cluster.ts'

/**
 * Numbered SQL files in schema/, run in order, each recorded when its last statement succeeded. ClickHouse has neither
 * transactions over DDL nor a lock that several processes could hold, so a migration that was interrupted, or that two
 * processes run at once, is simply run again: every statement must be one that may run twice (`IF NOT EXISTS`,
 * `OR REPLACE`), which `unsafeToRepeat` checks.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

const SCHEMA = new URL('./schema/', import.meta.url)

const VERSIONS = `CREATE TABLE IF NOT EXISTS schema_versions
(
    version UInt32 COMMENT 'number of the migration',
    name String COMMENT 'its file',
    applied DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when it was applied, UTC, ms'
)
ENGINE = ReplacingMergeTree
ORDER BY version
COMMENT 'migrations that were applied'`

/** The two things a migration does to a database. */
export interface SqlRunner {
  command(sql: string): Promise<void>
  query<Row>(sql: string): Promise<readonly Row[]>
}

export function readMigrations(directory: URL = SCHEMA): readonly Migration[] {
  return readdirSync(directory)
    .filter((file) => /^\d{4}_.*\.sql$/.test(file))
    .sort()
    .map((file) => ({
      version: Number(file.slice(0, 4)),
      name: file,
      statements: splitStatements(readFileSync(new URL(file, directory), 'utf8')),
    }))
}

/** Runs what is missing; returns the names of what it ran. */
export async function migrate(
  runner: SqlRunner,
  migrations: readonly Migration[],
  cluster?: Cluster,
): Promise<readonly string[]> {
  const run = async (statement: string): Promise<void> => {
    for (const sql of renderStatement(statement, cluster)) await runner.command(sql)
  }
  await run(VERSIONS)
  const rows = await runner.query<{ version: number }>('SELECT DISTINCT version FROM schema_versions')
  const applied = new Set(rows.map(({ version }) => version))
  const missing = migrations.filter(({ version }) => !applied.has(version))
  for (const { version, name, statements } of missing) {
    for (const statement of statements) await run(statement)
    await runner.command(`INSERT INTO schema_versions (version, name) VALUES (${version}, '${name}')`)
  }
  return missing.map(({ name }) => name)
}

/** Cuts at semicolons that stand outside strings, quoted names and comments; drops empty statements. */
export function splitStatements(sql: string): readonly string[] {
  const statements: string[] = []
  let from = 0
  // One alternative per thing a semicolon may hide in; the last one is the semicolon itself.
  const pieces = /'(?:[^'\\]|\\.|'')*'|`[^`]*`|"[^"]*"|--[^\n]*|\/\*[\s\S]*?\*\/|;/g
  for (const { 0: piece, index } of sql.matchAll(pieces)) {
    if (piece !== ';') continue
    statements.push(sql.slice(from, index).trim())
    from = index + 1
  }
  statements.push(sql.slice(from).trim())
  return statements.filter((statement) => withoutComments(statement) !== '')
}

/** The statement's own text, for deciding what it is. */
export function withoutComments(statement: string): string {
  return statement.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim()
}

const REPEATABLE = [
  /^CREATE (TABLE|DATABASE) IF NOT EXISTS /i,
  /^CREATE OR REPLACE VIEW /i,
  /^DROP (TABLE|VIEW) IF EXISTS /i,
  /^ALTER TABLE \S+ (ADD COLUMN|ADD INDEX|ADD PROJECTION) IF NOT EXISTS /i,
  /^ALTER TABLE \S+ (DROP COLUMN|DROP INDEX|DROP PROJECTION) IF EXISTS /i,
  /^ALTER TABLE \S+ (MODIFY (COLUMN|TTL|SETTING|COMMENT)|COMMENT COLUMN) /i,
]

/** Statements of a migration that could not be run twice; a test wants none. */
export function unsafeToRepeat({ statements }: Migration): readonly string[] {
  return statements.map(withoutComments).filter((sql) => !REPEATABLE.some((pattern) => pattern.test(sql)))
}
