import type { SqlRunner } from './migrate.ts'

/** How long rows are kept, days. */
export interface Retention {
  /** events and dead letters */
  readonly eventDays: number
  /** findings and containments */
  readonly findingDays: number
}

export const DEFAULT_RETENTION: Retention = { eventDays: 90, findingDays: 400 }

const TABLES: readonly { readonly table: string; readonly column: string; readonly days: keyof Retention }[] = [
  { table: 'event_rows', column: 'time', days: 'eventDays' },
  { table: 'dead_letter_rows', column: 'received', days: 'eventDays' },
  { table: 'dead_letter_replays', column: 'replayed_at', days: 'eventDays' },
  { table: 'finding_revision_rows', column: 'revised', days: 'findingDays' },
  { table: 'finding_dispositions', column: 'at', days: 'findingDays' },
  { table: 'containment_change_rows', column: 'time', days: 'findingDays' },
]

/** Statements that bring tables to the wanted retention; none where they have it, so that a restart changes nothing. */
export async function retentionChanges(runner: SqlRunner, retention: Retention): Promise<readonly string[]> {
  const rows = await runner.query<{ name: string; create_table_query: string }>(
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()',
  )
  const created = new Map(rows.map((row) => [row.name, row.create_table_query]))
  return TABLES.filter(({ table, days }) => {
    const sql = created.get(`${table}_local`) ?? created.get(table) ?? ''
    return !sql.includes(`toIntervalDay(${retention[days]})`)
  }).map(
    ({ table, column, days }) =>
      `ALTER TABLE ${table} MODIFY TTL toDateTime(${column}) + INTERVAL ${retention[days]} DAY`,
  )
}
