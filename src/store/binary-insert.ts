import { createHash, randomUUID } from 'node:crypto'
import { lstatSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { ClickHouseClient } from '@clickhouse/client'
import type { ColumnHead } from './rowbinary.ts'

/** Sends rows that are already RowBinary. Resolves when the engine has them. */
export interface BinaryInsert {
  insert(table: string, columns: readonly ColumnHead[], rows: Buffer): Promise<void>
  close(): void
}

/**
 * Said in the statement and not beside it, because a setting of an embedded connection outlives its statement. The
 * token is fresh for every insert: an engine that remembers tokens must never take two inserts for one. Rows are known
 * by their identity instead, so collapsing copies while inserting is work that FINAL does anyway.
 * Without a bound on partitions, because a batch that spans many days must not be refused for ever.
 */
function settings(): string {
  return (
    `SETTINGS async_insert = 0, optimize_on_insert = 0, max_partitions_per_insert_block = 0, ` +
    `distributed_foreground_insert = 1, insert_deduplication_token = '${randomUUID()}'`
  )
}

/** A server takes the rows as the body of the request. */
export function insertOverHttp(client: ClickHouseClient): BinaryInsert {
  return {
    async insert(table, columns, rows) {
      const query = `INSERT INTO ${table} (${namesOf(columns)}) ${settings()} FORMAT RowBinary`
      const { stream } = await client.exec({ query, values: Readable.from([rows], { objectMode: false }) })
      // The connection is free again only when its answer was read.
      for await (const _ of stream);
    },
    close() {},
  }
}

/** The embedded engine's client carries text only, so the rows go through a file, in memory where the system has such. */
export function insertThroughFile(client: ClickHouseClient, dataDirectory: string): BinaryInsert {
  const file = new SpoolFile(dataDirectory)
  return {
    async insert(table, columns, rows) {
      // Declared as plain strings: building dictionaries once, in the table, halves the insert.
      const structure = columns.map(({ name, type }) => `\`${name}\` ${type.replace(/LowCardinality\((\w+)\)/, '$1')}`)
      const path = file.write(rows)
      const source = `file(${quote(path)}, RowBinary, ${quote(structure.join(', '))})`
      try {
        await client.command({
          query: `INSERT INTO ${table} (${namesOf(columns)}) ${settings()} SELECT * FROM ${source}`,
        })
      } finally {
        rmSync(path, { force: true })
      }
    },
    close: () => file.close(),
  }
}

function namesOf(columns: readonly ColumnHead[]): string {
  return columns.map(({ name }) => `\`${name}\``).join(', ')
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

const MEMORY_FILES = '/dev/shm'
/** Containers often give 64 MB; a batch that does not fit goes to the data directory. */
const SPARE_BYTES = 32 * 2 ** 20

/**
 * One file, written again for every batch: a process that is killed leaves at most one behind, and the next one, which
 * finds it by the name of its data directory, removes it.
 */
class SpoolFile {
  private readonly inMemory: string | undefined
  private readonly onDisk: string

  constructor(dataDirectory: string) {
    this.onDisk = join(resolve(dataDirectory), 'insert.spool')
    this.inMemory = privateDirectory(resolve(dataDirectory))
    if (this.inMemory !== undefined) rmSync(join(this.inMemory, 'insert.spool'), { force: true })
    rmSync(this.onDisk, { force: true })
  }

  write(rows: Buffer): string {
    const path = this.placeFor(rows.length)
    // Synchronous: a copy into memory, which must not queue behind slow reads in the thread pool.
    writeFileSync(path, rows, { mode: 0o600 })
    return path
  }

  close(): void {
    if (this.inMemory !== undefined) rmSync(this.inMemory, { recursive: true, force: true })
  }

  private placeFor(bytes: number): string {
    if (this.inMemory === undefined) return this.onDisk
    const { bavail, bsize } = statfsSync(this.inMemory)
    return bavail * bsize > bytes + SPARE_BYTES ? join(this.inMemory, 'insert.spool') : this.onDisk
  }
}

/** A directory in memory that only this user can enter; undefined where there is none, or someone else made it. */
function privateDirectory(dataDirectory: string): string | undefined {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  const name = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16)
  const path = join(MEMORY_FILES, `belay-${uid}-${name}`)
  try {
    mkdirSync(path, { mode: 0o700, recursive: true })
    const stat = lstatSync(path)
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0 ? path : undefined
  } catch {
    // No memory file system here: the data directory serves.
    return undefined
  }
}
