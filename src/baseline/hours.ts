import type { HoursProfile } from '../model/index.ts'
import type { ProfileDefinition, ProfileRow, Totals } from './profile.ts'

const HOURS = 168
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']

const HALF_HOUR_MS = 1_800_000

/**
 * Hour of the week, in the role's own time zone, so that summer time does not move anyone's working day. Rows are half
 * hours of UTC (no zone's clock changes inside one), and become hours of the week when the profile is compiled.
 */
export const hours: ProfileDefinition<'hours'> = {
  name: 'hours',
  select: `
    SELECT tenant, role, agent_id, session_id, day, fold, 'half-hour' AS key,
           toString(intDiv(toUnixTimestamp(time), 1800)) AS subkey, count() AS n
    FROM calls GROUP BY tenant, role, agent_id, session_id, day, fold, subkey`,
  compile: compileHours,
}

/** How the mass of an hour is mixed: its own neighbourhood, the same hour of like days, any hour at all. */
const OWN = 0.55
const LIKE_DAYS = 0.4
const ANY = 0.05

/**
 * `nats` = how much rarer than the role's busiest hour this one is. The hour's share is smoothed over the hours beside
 * it and mixed with the same hour of the other working (or weekend) days, so a week of history says something of the next.
 */
export function compileHours(rows: readonly ProfileRow[], totals: Totals): HoursProfile {
  const sessions = new Float64Array(HOURS)
  const agents = new Float64Array(HOURS)
  const clock = createWeekClock(totals.timeZone)
  for (const row of rows) {
    const hour = clock(Number(row.subkey) * HALF_HOUR_MS)
    sessions[hour] = (sessions[hour] ?? 0) + row.sessions
    agents[hour] = Math.max(agents[hour] ?? 0, row.agents)
  }
  const share = smooth(sessions)
  const busiest = Math.max(...share)
  const surpriseOf = (hour: number): ReturnType<HoursProfile['surprise']> => ({
    nats: totals.sessions === 0 ? 0 : Math.log(busiest / (share[hour] ?? busiest)),
    sessions: sessions[hour] ?? 0,
    agents: agents[hour] ?? 0,
    label: `${DAYS[Math.floor(hour / 24)] ?? ''} ${String(hour % 24).padStart(2, '0')}:00 ${totals.timeZone}`,
  })
  const surprises = Array.from({ length: HOURS }, (_, hour) => surpriseOf(hour))
  return { surprise: (timeMs) => surprises[clock(timeMs)] ?? surpriseOf(0) }
}

function smooth(counts: Float64Array): Float64Array {
  const total = counts.reduce((a, b) => a + b, 0)
  const share = new Float64Array(HOURS).fill(1 / HOURS)
  if (total === 0) return share
  for (let hour = 0; hour < HOURS; hour++) {
    const beside = (offset: number): number => counts[(hour + offset + HOURS) % HOURS] ?? 0
    const own = (0.25 * beside(-1) + 0.5 * beside(0) + 0.25 * beside(1)) / total
    const weekend = hour >= 120
    let like = 0
    for (let day = weekend ? 5 : 0; day < (weekend ? 7 : 5); day++) {
      const at = day * 24 + (hour % 24)
      like +=
        0.25 * (counts[(at + HOURS - 1) % HOURS] ?? 0) +
        0.5 * (counts[at] ?? 0) +
        0.25 * (counts[(at + 1) % HOURS] ?? 0)
    }
    share[hour] = OWN * own + (LIKE_DAYS * like) / (total * (weekend ? 2 : 5)) + ANY / HOURS
  }
  return share
}

const QUARTER_MS = 900_000

/**
 * Unix milliseconds -> hour of the week (0 = Monday 00:00) in an IANA time zone. Offsets change only on quarter hours,
 * and asking Intl is slow, so the answer for a quarter is remembered.
 */
export function createWeekClock(timeZone: string): (timeMs: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'long', hour: '2-digit', hourCycle: 'h23' })
  const known = new Map<number, number>()
  let lastQuarter = Number.NaN
  let lastHour = 0
  return (timeMs) => {
    const quarter = Math.floor(timeMs / QUARTER_MS)
    if (quarter === lastQuarter) return lastHour
    let hour = known.get(quarter)
    if (hour === undefined) {
      const parts = format.formatToParts(quarter * QUARTER_MS)
      const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? ''
      hour = Math.max(0, DAYS.indexOf(part('weekday'))) * 24 + Number(part('hour'))
      if (known.size > 10_000) known.clear()
      known.set(quarter, hour)
    }
    lastQuarter = quarter
    lastHour = hour
    return hour
  }
}
