/** One column of a printed table. */
export interface TableColumn<Row> {
  readonly title: string
  readonly of: (row: Row) => string | number | undefined
}

/** Rows as aligned text, `empty` when there are none. */
export function table<Row>(rows: readonly Row[], columns: readonly TableColumn<Row>[], empty: string): string {
  if (rows.length === 0) return empty
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ of }) => printable(of(row))))]
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)))
  return cells
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/**
 * Names come from events, that is from strangers: a control character could move the cursor or retitle the terminal,
 * and a direction override could show a name backwards.
 */
export function printable(value: string | number | undefined): string {
  return String(value ?? '').replaceAll(UNPRINTABLE, '\u00b7')
}

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
