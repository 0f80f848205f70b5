import type { TimePart } from './ast.ts'
import { timeOf } from './fields.ts'

const WRITTEN = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?/

/**
 * A part of a date as it is written: the modifiers are "not designed to handle timezone or format conversions". Dates
 * are ISO 8601 texts; a Unix time has no writing, so it is read in UTC.
 */
export function partOf(value: unknown, part: TimePart): number | undefined {
  const text = typeof value === 'number' ? isoOf(value) : value
  const found = typeof text === 'string' ? WRITTEN.exec(text) : null
  if (!found) return undefined
  const [year, month, day, hour, minute] = found.slice(1).map((one) => (one === undefined ? undefined : Number(one)))
  if (year === undefined || month === undefined || day === undefined) return undefined
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined
  const parts = { year, month, day, hour, minute, week: part === 'week' ? isoWeek(year, month, day) : undefined }
  return parts[part]
}

function isoOf(time: number): string | undefined {
  const ms = timeOf(time)
  return ms === undefined || Math.abs(ms) > 8.64e15 ? undefined : new Date(ms).toISOString()
}

const DAY_MS = 86_400_000

/** ISO 8601: weeks begin on Monday, and week 1 has the year's first Thursday. */
function isoWeek(year: number, month: number, day: number): number {
  const date = Date.UTC(year, month - 1, day)
  const weekday = (new Date(date).getUTCDay() + 6) % 7
  const thursday = date + (3 - weekday) * DAY_MS
  const firstDay = Date.UTC(new Date(thursday).getUTCFullYear(), 0, 1)
  return Math.floor((thursday - firstDay) / (7 * DAY_MS)) + 1
}
