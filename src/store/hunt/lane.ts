import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client'
import type { HuntLimits, QueryParameters } from '../store.ts'
import { literal } from './tokens.ts'

/** What hunts run on, apart from everything else: each has settings of its own that nothing in it can change. */
export interface HuntLane {
  /** The statement's bytes in the format. `filters`: by table, the condition under which the engine shows a row. */
  run(sql: string, request: LaneRequest): Promise<Uint8Array>
  close(): Promise<void>
}

export interface LaneRequest {
  readonly format: 'JSONCompact' | 'CSVWithNames' | 'Parquet' | 'TabSeparatedRaw'
  readonly parameters: QueryParameters
  readonly filters: ReadonlyMap<string, string>
  readonly limits: HuntLimits
}

/** `readonly` comes last: after it nothing can be set, not by a SETTINGS clause either. */
function settingsOf({ limits, filters }: LaneRequest): Readonly<Record<string, string>> {
  return {
    max_execution_time: String(limits.maxMs / 1000),
    timeout_before_checking_execution_speed: '0',
    max_memory_usage: String(limits.maxMemoryBytes),
    max_result_rows: String(limits.maxRows),
    max_result_bytes: String(limits.maxResultBytes),
    result_overflow_mode: 'break',
    max_subquery_depth: '50',
    max_ast_elements: '20000',
    max_expanded_ast_elements: '100000',
    allow_introspection_functions: '0',
    output_format_json_quote_64bit_integers: '0',
    additional_table_filters: mapOf(filters),
    readonly: '1',
  }
}

function mapOf(filters: ReadonlyMap<string, string>): string {
  return `{${[...filters].map(([table, condition]) => `${literal(table)}: ${literal(condition)}`).join(', ')}}`
}

/** The embedded engine: a session of its own for each hunt, in the folder that is open already. */
export function embeddedLane(directory: string, database: string): HuntLane {
  return {
    async run(sql, request) {
      const { Session } = await import('chdb')
      const session = new Session(directory)
      try {
        await session.queryAsync(`USE ${database}`)
        for (const [name, value] of Object.entries(request.parameters))
          await session.queryAsync(`SET param_${name} = ${literal(parameterText(value))}`)
        for (const [name, value] of Object.entries(settingsOf(request)))
          await session.queryAsync(`SET ${name} = ${literal(value)}`)
        const answer = await session.queryAsync(sql, { format: request.format })
        return answer.bytes()
      } finally {
        session.close()
      }
    },
    close: async () => undefined,
  }
}

export function serverLane(client: ClickHouseClient): HuntLane {
  return {
    async run(sql, request) {
      const { stream } = await client.exec({
        query: `${sql}\nFORMAT ${request.format}`,
        query_params: { ...request.parameters },
        clickhouse_settings: settingsOf(request) as ClickHouseSettings,
      })
      const chunks: Uint8Array[] = []
      for await (const chunk of stream) chunks.push(chunk as Uint8Array)
      return Buffer.concat(chunks)
    },
    close: () => client.close(),
  }
}

function parameterText(value: QueryParameters[string]): string {
  if (!Array.isArray(value)) return String(value)
  return `[${value.map((one) => (typeof one === 'string' ? literal(one) : String(one))).join(', ')}]`
}
