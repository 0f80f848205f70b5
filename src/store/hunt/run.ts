import { type HuntLimits, type HuntRequest, type Store, StoreError } from '../store.ts'
import { gate } from './gate.ts'
import type { HuntLane } from './lane.ts'
import { HuntRefused, literal } from './tokens.ts'
import { checkTree } from './tree.ts'

export const HUNT_LIMITS: HuntLimits = {
  maxMs: 10_000,
  maxMemoryBytes: 1_000_000_000,
  maxRows: 10_000,
  maxResultBytes: 64_000_000,
}

/** The engine gave up on a hunt; a sentence that says what to do. */
export class HuntFailed extends Error {
  override readonly name = 'HuntFailed'
  readonly code = 'hunt_failed'
}

/** Tables of the database, and whether their rows tell their tenant. */
const TABLES = `SELECT concat(database, '.', name) AS table, has_tenant FROM system.tables AS t
  LEFT JOIN (SELECT table AS name, 1 AS has_tenant FROM system.columns WHERE database = currentDatabase() AND name = 'tenant') AS c
    ON c.name = t.name
  WHERE database = currentDatabase() AND engine NOT LIKE '%View'`

/** Runs analysts' SQL: through the gate, then past the engine's own reading of it, then with its limits and filters. */
export class Hunts {
  private readonly lane: HuntLane
  private readonly store: Pick<Store, 'query'>
  private tables: Promise<readonly string[]> | undefined

  constructor(lane: HuntLane, store: Pick<Store, 'query'>) {
    this.lane = lane
    this.store = store
  }

  /** Bytes in the format. Rejects with HuntRefused, HuntFailed or StoreError. */
  async run({ tenant, sql, parameters, format, limits }: HuntRequest): Promise<Uint8Array> {
    const gated = gate(sql, tenant)
    const request = { parameters, filters: await this.filters(tenant), limits: { ...HUNT_LIMITS, ...limits } }
    try {
      const tree = await this.lane.run(`EXPLAIN AST ${gated.sql}`, {
        ...request,
        format: 'TabSeparatedRaw',
        limits: { ...request.limits, maxRows: 0 },
      })
      const lines = Buffer.from(tree).toString().split('\n')
      checkTree(
        lines.filter((line) => line.trim() !== '' && !/^ ?Identifier TabSeparatedRaw$/.test(line)),
        gated,
      )
      return await this.lane.run(gated.sql, { ...request, format })
    } catch (error) {
      throw error instanceof HuntRefused || error instanceof StoreError ? error : failureOf(error)
    }
  }

  /** The second lock: whatever a statement names, the engine shows no row of another tenant. */
  private async filters(tenant: string): Promise<ReadonlyMap<string, string>> {
    this.tables ??= this.store
      .query<{ readonly table: string; readonly has_tenant: number }>(TABLES)
      .then((rows) => rows.filter((row) => row.has_tenant === 1).map((row) => row.table))
    try {
      return new Map((await this.tables).map((table) => [table, `tenant = ${literal(tenant)}`]))
    } catch (error) {
      this.tables = undefined
      throw error
    }
  }
}

/** Messages that tell of the statement and of nothing that is stored. */
const ABOUT_THE_STATEMENT =
  /UNKNOWN_IDENTIFIER|SYNTAX_ERROR|ILLEGAL_TYPE_OF_ARGUMENT|NUMBER_OF_ARGUMENTS_DOESNT_MATCH|UNKNOWN_FUNCTION|NO_COMMON_TYPE|NOT_AN_AGGREGATE|ILLEGAL_AGGREGATION|TYPE_MISMATCH|AMBIGUOUS|UNKNOWN_QUERY_PARAMETER|BAD_QUERY_PARAMETER|UNION_ALL_RESULT_STRUCTURES_MISMATCH/

/** A conversion that fails quotes the value, and it may fail on rows that are filtered out afterwards. */
function failureOf(error: unknown): HuntFailed {
  const message = error instanceof Error ? error.message : String(error)
  const name = /\(([A-Z_]{4,})\)/.exec(message)?.[1] ?? (error as { readonly type?: string }).type ?? 'UNKNOWN'
  if (/TIMEOUT_EXCEEDED|TOO_SLOW/.test(name)) return new HuntFailed('it took too long; ask for less time or fewer rows')
  if (/MEMORY_LIMIT/.test(name)) return new HuntFailed('it needs too much memory; ask for less time or fewer groups')
  if (!ABOUT_THE_STATEMENT.test(name)) return new HuntFailed(`the engine could not run it (${name})`)
  const [first = ''] = message.replace(/^.*?DB::Exception: /s, '').split('\n')
  return new HuntFailed(`the engine could not run it: ${first.slice(0, 300)}`)
}
