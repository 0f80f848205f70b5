import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type ClickHouseClient, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client'
import { type BinaryInsert, insertOverHttp, insertThroughFile } from './binary-insert.ts'
import { ClickHouseStore, type Lanes } from './clickhouse.ts'
import { toStoreError } from './errors.ts'
import { embeddedLane, serverLane } from './hunt/lane.ts'
import { DEFAULT_RETENTION, type Retention } from './retention.ts'
import type { Store } from './store.ts'

/** The database every table lives in, unless a server's options name another. */
export const DATABASE = 'belay'

/** An embedded engine: `directory` belongs to one process at a time. */
export interface EmbeddedOptions {
  readonly kind: 'embedded'
  readonly directory: string
  readonly retention?: Retention
}

export interface ServerOptions {
  readonly kind: 'server'
  /** `http://host:8123` or `https://…` */
  readonly url: string
  readonly user?: string
  readonly password?: string
  readonly database?: string
  /** makes replicated, distributed tables on this cluster */
  readonly cluster?: string
  readonly retention?: Retention
  /** longest an insert or a query may take; a restore gets 5 s at most, the learn job's statements twenty times as long */
  readonly timeoutMs?: number
}

export type StoreOptions = EmbeddedOptions | ServerOptions

/** Opens the store; call `migrate` before the first use. Rejects with StoreError. */
export async function openStore(options: StoreOptions): Promise<Store> {
  checkRetention(options.retention)
  try {
    return options.kind === 'embedded' ? await openEmbedded(options) : openServer(options)
  } catch (error) {
    throw toStoreError(error, 'open the store')
  }
}

/** Names of databases and clusters go into statements as they are. */
function checkNames({ database = DATABASE, cluster = DATABASE }: ServerOptions): void {
  for (const name of [database, cluster]) {
    if (!/^\w+$/.test(name))
      throw new RangeError(`${name} is no name for a database or a cluster: letters, digits and _ only`)
  }
}

/** Days are added to a 32-bit time of expiry, which ends in 2106 and would wrap into the past. */
const LONGEST_DAYS = 20_000

function checkRetention(retention: Retention = DEFAULT_RETENTION): void {
  for (const [name, days] of Object.entries(retention)) {
    if (!Number.isInteger(days) || days < 1 || days > LONGEST_DAYS) {
      throw new RangeError(`${name} must be a whole number of days from 1 to ${LONGEST_DAYS}, not ${days}`)
    }
  }
}

/** `readonly` 1 also refuses file() and url(); numbers beyond 2^53 do not occur in what we read. */
const READING = { output_format_json_quote_64bit_integers: 0, readonly: '1' } as const

/** A view that looks into another table asks all shards for it, once. */
const ACROSS_SHARDS: ClickHouseSettings = { distributed_product_mode: 'global' }

type ClientOptions = NonNullable<Parameters<typeof createClient>[0]>

async function openEmbedded({ directory, retention = DEFAULT_RETENTION }: EmbeddedOptions): Promise<Store> {
  const path = resolve(directory)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  // Loaded only here: a process that uses a server does not pay 260 MB for an engine it never asks.
  const { createChdbConnection } = await import('chdb/connection')
  const connect = async (): Promise<ClickHouseClient> => {
    // The same contract, declared twice: once in the client, once in the package that the engine was built against.
    const connection = createChdbConnection({ path }) as unknown as NonNullable<ClientOptions['connection']>
    const client = createClient({ connection })
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${DATABASE} ENGINE = Atomic` })
    await client.command({ query: `USE ${DATABASE}` })
    return client
  }
  const lanes: Lanes = {
    write: await connect(),
    restore: await connect(),
    read: await connect(),
    learn: await connect(),
  }
  for (const client of [lanes.restore, lanes.read]) {
    // In one statement each and in this order: after the last one nothing can be set any more.
    for (const [name, value] of Object.entries(READING)) await client.command({ query: `SET ${name} = ${value}` })
  }
  const rows = insertThroughFile(lanes.write, path)
  const hunts = embeddedLane(path, DATABASE)
  return new ClickHouseStore({ lanes, rows, hunts, retention, prepare: async () => {} })
}

const TIMEOUT_MS = 30_000
/** Judging waits for a restore, and containment with it: a store that hangs is not waited for as long as for an insert. */
const RESTORE_TIMEOUT_MS = 5_000
const LEARN_TIMES = 20
/** A long statement says in headers that it is still at work, so that nothing on the way closes the connection. */
const KEEP_ALIVE: ClickHouseSettings = { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: '20000' }

function openServer(options: ServerOptions): Store {
  checkNames(options)
  const { url, user = 'default', password = '', database = DATABASE, timeoutMs = TIMEOUT_MS } = options
  const client = (requestMs: number, settings: ClickHouseSettings = {}, inDatabase = database): ClickHouseClient =>
    createClient({
      url,
      username: user,
      password,
      request_timeout: requestMs,
      // Answers are text and compress well; rows are sent as they are, compressing them would cost the scoring thread.
      compression: { response: true, request: false },
      // Many sessions in one restore do not fit into an address.
      use_multipart_params_auto: true,
      clickhouse_settings: options.cluster === undefined ? settings : { ...settings, ...ACROSS_SHARDS },
      database: inDatabase,
      // What goes wrong is thrown, as a StoreError; saying it twice would put SQL and addresses into the log.
      log: { level: ClickHouseLogLevel.OFF },
    })
  const lanes: Lanes = {
    write: client(timeoutMs),
    restore: client(Math.min(timeoutMs, RESTORE_TIMEOUT_MS), READING),
    read: client(timeoutMs, READING),
    learn: client(timeoutMs * LEARN_TIMES, KEEP_ALIVE),
  }
  const rows: BinaryInsert = insertOverHttp(lanes.write)
  const cluster = options.cluster === undefined ? undefined : { name: options.cluster, database }
  const on = cluster === undefined ? '' : ` ON CLUSTER '${cluster.name}'`
  return new ClickHouseStore({
    lanes,
    rows,
    hunts: serverLane(client(timeoutMs)),
    retention: options.retention ?? DEFAULT_RETENTION,
    ...(cluster === undefined ? {} : { cluster }),
    async prepare() {
      const anywhere = client(timeoutMs, {}, 'default')
      try {
        await anywhere.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}${on}` })
      } finally {
        await anywhere.close()
      }
    },
  })
}
