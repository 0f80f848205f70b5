import type { RestoredEvent } from '../model/index.ts'
import { type StoredRow, toRestored } from './history.ts'
import { readSql } from './sql-file.ts'
import type { Store } from './store.ts'

const QUERY = readSql('events-received')
const HOURS = `SELECT DISTINCT intDiv(toUnixTimestamp64Milli(received), 3600000) AS hour FROM event_rows
  WHERE received >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND received < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
  ORDER BY hour`
const HOUR_MS = 3_600_000
const PAGE = 10_000

export interface ReceivedEvent {
  readonly event: RestoredEvent
  /** version of the baseline it was judged by, `none` where there was none */
  readonly baseline: string
}

/**
 * Stored events received from `fromMs` (inclusive) to `toMs` (exclusive), each once, in the order of their receipt: a
 * page at a time, so that months fit into memory. Of one tenant, or of all where none is named.
 */
export async function* readReceived(
  store: Pick<Store, 'query'>,
  fromMs: number,
  toMs: number,
  tenant = '',
): AsyncGenerator<readonly ReceivedEvent[]> {
  const hours = await store.query<{ readonly hour: number }>(HOURS, { from_ms: fromMs, to_ms: toMs })
  for (const { hour } of hours) {
    const window = { from_ms: Math.max(fromMs, hour * HOUR_MS), to_ms: Math.min(toMs, (hour + 1) * HOUR_MS) }
    let after = { after_ms: 0, after_origin: '', after_position: 0 }
    for (;;) {
      const rows = await store.query<StoredRow & { readonly baseline: string }>(QUERY, {
        ...window,
        ...after,
        tenant,
        limit: PAGE,
      })
      if (rows.length > 0) yield rows.map((row) => ({ event: toRestored(row), baseline: row.baseline }))
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) break
      after = { after_ms: Number(last.received_ms), after_origin: last.origin, after_position: last.position }
    }
  }
}
