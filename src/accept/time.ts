const MS_PER_MINUTE = 60_000
const MS_PER_DAY = 86_400_000
/** what follows the seconds */
const REST = /^(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * Unix milliseconds of an RFC 3339 date-time, NaN when it is none. Digits below the millisecond are cut. A leap second
 * counts as the last millisecond before it. `Date.parse` is not used: it also takes dates such as "1 may 2026".
 */
export function parseTimeMs(text: string): number {
  if (!hasShape(text)) return Number.NaN
  const month = two(text, 5)
  const hour = two(text, 11)
  const minute = two(text, 14)
  const second = two(text, 17)
  const dayMs = dayStartMs(two(text, 0) * 100 + two(text, 2), month, two(text, 8))
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return Number.NaN
  const wholeMs = dayMs + (hour * 60 + minute) * MS_PER_MINUTE + Math.min(second, 59) * 1000
  if (text.length === 24 && text.charCodeAt(19) === DOT && text.charCodeAt(23) === ZULU) {
    return wholeMs + (second === 60 ? 999 : two(text, 20) * 10 + (two(text, 21) % 10))
  }
  const rest = REST.exec(text.slice(19))
  if (rest === null) return Number.NaN
  const fractionMs = second === 60 ? 999 : Number((rest[1] ?? '0').padEnd(3, '0').slice(0, 3))
  return wholeMs + fractionMs - offsetMs(rest[2], Number(rest[3]), Number(rest[4]))
}

const ZERO = 0x30
const DASH = 0x2d
const DOT = 0x2e
const COLON = 0x3a
const ZULU = 0x5a

function hasShape(text: string): boolean {
  const separator = text.charCodeAt(10)
  return (
    text.length >= 20 &&
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(7) === DASH &&
    (separator === 0x54 || separator === 0x74 || separator === 0x20) &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON
  )
}

/** Two digits as a number, NaN when they are none. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const ones = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/** Days between a civil date and 1970-01-01: years begin in March, so that the leap day is a year's last. */
function dayStartMs(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month))) return Number.NaN
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return (era * 146_097 + dayOfEra - 719_468) * MS_PER_DAY
}

function offsetMs(sign: string | undefined, hours: number, minutes: number): number {
  if (sign === undefined) return 0
  if (hours > 23 || minutes > 59) return Number.NaN
  const ms = (hours * 60 + minutes) * MS_PER_MINUTE
  return sign === '-' ? -ms : ms
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0)
}

const AHEAD_MS = 5 * MS_PER_MINUTE
const LATE_MS = 24 * 60 * MS_PER_MINUTE

export type ClockJudgement = { readonly clock: 'on-time' | 'late' | 'ahead'; readonly timeMs: number }

/** The clock rule: an event more than 5 min ahead of, or 24 h behind, its receipt is placed at its receipt and flagged. */
export function judgeClock(eventMs: number, receivedMs: number): ClockJudgement {
  if (eventMs > receivedMs + AHEAD_MS) return { clock: 'ahead', timeMs: receivedMs }
  if (eventMs < receivedMs - LATE_MS) return { clock: 'late', timeMs: receivedMs }
  return { clock: 'on-time', timeMs: eventMs }
}
