import { randomUUID } from 'node:crypto'
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client'
import {
  type AgentHour,
  type Finding,
  type Judged,
  type LeaseChange,
  type Rejected,
  type RestoredEvent,
  type SessionKey,
  sessionKey,
} from '../model/index.ts'
import type { BinaryInsert } from './binary-insert.ts'
import { type Cluster, renderStatement } from './cluster.ts'
import { DEAD_LETTERS, EVENTS, FINDINGS, LEASE_CHANGES, type Rows } from './columns.ts'
import { toStoreError } from './errors.ts'
import { readAgentHours, readHistory } from './history.ts'
import type { HuntLane } from './hunt/lane.ts'
import { Hunts } from './hunt/run.ts'
import { migrate, readMigrations, type SqlRunner } from './migrate.ts'
import { type Retention, retentionChanges } from './retention.ts'
import { RowWriter, writeRows } from './rowbinary.ts'
import { readSql } from './sql-file.ts'
import type { HuntRequest, QueryParameters, RestoreBound, Store } from './store.ts'

const RECENT_SESSIONS = readSql('recent-sessions')

/**
 * One client per kind of work, because an embedded connection does one thing at a time: the pipeline's insert must not
 * wait for an analyst's query, nor a restore for the learn job.
 */
export interface Lanes {
  readonly write: ClickHouseClient
  readonly restore: ClickHouseClient
  readonly read: ClickHouseClient
  readonly learn: ClickHouseClient
}

export interface StoreParts {
  readonly lanes: Lanes
  readonly rows: BinaryInsert
  readonly hunts: HuntLane
  readonly retention: Retention
  readonly cluster?: Cluster
  /** makes the database when it is missing; done before anything else of `migrate` */
  prepare(): Promise<void>
}

/** The store over `@clickhouse/client`: the same SQL for a server, a cluster and the embedded engine. */
export class ClickHouseStore implements Store {
  private readonly parts: StoreParts
  private readonly writer = new RowWriter()
  private readonly hunts: Hunts
  private inserting: Promise<void> = Promise.resolve()
  private closed: Promise<void> | undefined

  constructor(parts: StoreParts) {
    this.parts = parts
    this.hunts = new Hunts(parts.hunts, this)
  }

  async migrate(): Promise<void> {
    const { cluster, retention } = this.parts
    await attempt('migrate the schema', async () => {
      await this.parts.prepare()
      await migrate(this.runner, readMigrations(), cluster)
      for (const change of await retentionChanges(this.runner, retention)) await this.command(change)
    })
  }

  async write(judged: readonly Judged[], rejected: readonly Rejected[]): Promise<void> {
    const findings = judged.flatMap(({ verdict }) => verdict.findings)
    // Events last: one that is stored is a duplicate when it is sent again, and says nothing any more.
    await this.insertRows(FINDINGS, findings)
    await this.insertRows(DEAD_LETTERS, rejected)
    await this.insertRows(EVENTS, judged)
  }

  async writeFindings(findings: readonly Finding[]): Promise<void> {
    await this.insertRows(FINDINGS, findings)
  }

  async writeLeaseChanges(changes: readonly LeaseChange[]): Promise<void> {
    await this.insertRows(LEASE_CHANGES, changes)
  }

  async history(
    bounds: readonly RestoreBound[],
    idleMs: number,
  ): Promise<ReadonlyMap<SessionKey, readonly RestoredEvent[]>> {
    return attempt('restore sessions', () => readHistory(this.parts.lanes.restore, bounds, idleMs))
  }

  async agentHours(bounds: readonly RestoreBound<string>[]): Promise<ReadonlyMap<string, AgentHour>> {
    return attempt('restore the hours of agents', () => readAgentHours(this.parts.lanes.restore, bounds))
  }

  async recentSessions(sinceMs: number, limit: number): Promise<ReadonlySet<SessionKey> | undefined> {
    return attempt('look for recent sessions', async () => {
      const result = await this.parts.lanes.restore.query({
        query: RECENT_SESSIONS,
        format: 'JSONCompactEachRow',
        query_params: { since_ms: Math.max(0, Math.trunc(sinceMs)), limit: limit + 1 },
      })
      const rows = await result.json<readonly [string, string, string]>()
      return rows.length > limit ? undefined : new Set(rows.map((row) => sessionKey(...row)))
    })
  }

  async query<Row>(sql: string, parameters: QueryParameters = {}): Promise<readonly Row[]> {
    return attempt('query', async () => {
      const result = await this.parts.lanes.read.query({
        query: sql,
        format: 'JSONEachRow',
        query_params: parameters,
      })
      return result.json<Row>()
    })
  }

  hunt(request: HuntRequest): Promise<Uint8Array> {
    return this.hunts.run(request)
  }

  async command(sql: string, parameters: QueryParameters = {}): Promise<void> {
    await attempt('run a statement', async () => {
      for (const query of renderStatement(sql, this.parts.cluster)) {
        await this.parts.lanes.learn.command({ query, query_params: parameters, clickhouse_settings: insertSettings() })
      }
    })
  }

  async insert(table: string, rows: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    if (rows.length === 0) return
    await attempt(`insert into ${table}`, async () => {
      await this.parts.lanes.learn.insert({
        table,
        values: [...rows],
        format: 'JSONEachRow',
        clickhouse_settings: { ...insertSettings(), date_time_input_format: 'best_effort' },
      })
    })
  }

  async ping(): Promise<void> {
    await this.query('SELECT 1')
  }

  async close(): Promise<void> {
    this.closed ??= this.closeOnce()
    await this.closed
  }

  /** One insert at a time: the writer's buffer is the batch being sent. */
  private async insertRows<Row>({ table, columns }: Rows<Row>, rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return
    const send = async (): Promise<void> => {
      await attempt(`insert into ${table}`, async () => {
        this.writer.reset()
        writeRows(this.writer, columns, rows)
        await this.parts.rows.insert(table, columns, this.writer.bytes())
      })
    }
    const done = this.inserting.then(send)
    this.inserting = done.catch(() => undefined)
    await done
  }

  private async closeOnce(): Promise<void> {
    await this.inserting
    const { write, restore, read, learn } = this.parts.lanes
    await Promise.all([write, restore, read, learn].map((client) => client.close()))
    await this.parts.hunts.close()
    this.parts.rows.close()
  }

  private get runner(): SqlRunner {
    return {
      command: async (sql) => {
        await this.parts.lanes.learn.command({ query: sql, clickhouse_settings: insertSettings() })
      },
      query: async <Row>(sql: string) => this.query<Row>(sql),
    }
  }
}

/**
 * A setting of an embedded connection stays for the statements that follow, and an engine that remembers tokens drops
 * an insert whose token it has seen: so every statement that may insert brings its own.
 */
function insertSettings(): ClickHouseSettings {
  // On a cluster an insert is done when the shards have it, not when it waits to be sent to them.
  return { insert_deduplication_token: randomUUID(), async_insert: 0, distributed_foreground_insert: 1 }
}

async function attempt<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw toStoreError(error, doing)
  }
}
