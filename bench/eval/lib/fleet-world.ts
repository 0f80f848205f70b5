import { createHash } from 'node:crypto'
import type { Random } from '../../../scripts/fixtures/world.ts'

/**
 * A company's agents over ten weeks, with the truth about each session. Working days are kept in each team's own clock,
 * so that summer time ends inside the history; there are public holidays, busy last days of the month, and a team that
 * joins in another region after the baseline was learnt.
 */
export interface Team {
  readonly role: string
  readonly timeZone: string
  readonly region: string
  readonly agents: readonly string[]
  /** hours of the day, in the team's own clock */
  readonly hours: readonly [from: number, to: number]
  readonly sessionsPerDay: number
  /** days on which nobody works, `2026-10-03` */
  readonly holidays: readonly string[]
}

/** What happened in a session: honest work of some kind, or one of the attacks. */
export type Truth =
  | 'usual'
  | 'holiday shift'
  | 'month end'
  | 'new team'
  /** an honest agent whose first attempts at authentication fail */
  | 'forgotten password'
  /** honest work of an agent on a day on which an attack is made in its name */
  | 'beside an attack'
  | 'night entry'
  | 'mass read'
  | 'many calls'
  | 'password guessing'
  | 'failed guessing'
  | 'spraying'
  | 'foreign region'

export const ATTACKS: ReadonlySet<Truth> = new Set([
  'night entry',
  'mass read',
  'many calls',
  'password guessing',
  'failed guessing',
  'spraying',
  'foreign region',
])
/** Those that are made in the name of one agent of a team; spraying tries all of them. */
const OF_ONE_AGENT = [...ATTACKS].filter((truth) => truth !== 'spraying')

export interface Played {
  readonly session: string
  readonly agent: string
  readonly day: string
  readonly truth: Truth
  /** sessions of one attack are one thing to find */
  readonly campaign?: string
  readonly events: readonly object[]
}

export const TEAMS: readonly Team[] = [
  {
    role: 'claims',
    timeZone: 'Europe/Berlin',
    region: 'eu-central-1',
    agents: names('claims', 5),
    hours: [8, 17],
    sessionsPerDay: 14,
    holidays: ['2026-10-03', '2026-12-25', '2026-12-26'],
  },
  {
    role: 'orders',
    timeZone: 'America/New_York',
    region: 'us-east-1',
    agents: names('orders', 6),
    hours: [9, 18],
    sessionsPerDay: 16,
    holidays: ['2026-11-26', '2026-12-25'],
  },
  {
    role: 'support',
    timeZone: 'Asia/Kolkata',
    region: 'ap-south-1',
    agents: names('support', 4),
    hours: [7, 19],
    sessionsPerDay: 12,
    holidays: ['2026-11-08', '2026-12-25'],
  },
]

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

function names(role: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${role}-bot-${i + 1}`)
}

/** Unix milliseconds of an hour of a day in a time zone. */
export function localMs(day: string, hour: number, timeZone: string): number {
  const asUtc = Date.parse(`${day}T00:00:00Z`) + hour * HOUR_MS
  // The offset at the guess is the right one but for the hour in which clocks change.
  return asUtc - offsetMs(asUtc, timeZone)
}

function offsetMs(atMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(atMs)
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? ''
  return (
    Date.parse(`${of('year')}-${of('month')}-${of('day')}T${of('hour')}:${of('minute')}:00Z`) -
    Math.floor(atMs / 60_000) * 60_000
  )
}

/** Days from `from` on, as `2026-10-01`. */
export function daysFrom(from: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) =>
    new Date(Date.parse(`${from}T00:00:00Z`) + i * DAY_MS).toISOString().slice(0, 10),
  )
}

export function isWorkday(day: string, { holidays }: Team): boolean {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay()
  return weekday !== 0 && weekday !== 6 && !holidays.includes(day)
}

/** The last two working days of a month are three times as busy, and each session takes twice as much. */
export function isMonthEnd(day: string): boolean {
  const next = new Date(Date.parse(`${day}T00:00:00Z`) + 3 * DAY_MS).toISOString().slice(0, 10)
  return next.slice(0, 7) !== day.slice(0, 7)
}

/** attacks on credentials come from a network that no team uses */
const FOREIGN_NETWORK: ReadonlySet<Truth> = new Set(['password guessing', 'failed guessing', 'spraying'])

interface Plan {
  readonly team: Team
  readonly session: string
  readonly truth: Truth
  readonly agent: string
  readonly day: string
  readonly startMs: number
  readonly region: string
}

/** share of honest sessions whose first attempts at authentication fail */
const FORGOTTEN = 0.03

/** Honest sessions of one day. */
export function workOf(team: Team, day: string, random: Random, label: Truth = 'usual'): Played[] {
  const busy = isMonthEnd(day)
  const count = Math.round(team.sessionsPerDay * (busy ? 3 : 1) * (0.8 + 0.4 * random.next()))
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = team.hours
    // Most of it in the middle of the day.
    const hour = from + ((random.next() + random.next()) / 2) * (to - from)
    return play(
      {
        team,
        session: `${team.role}-${day}-${i}-${label.replaceAll(' ', '')}`,
        truth: label === 'usual' ? usualOn(busy, random) : label,
        agent: random.pick(team.agents),
        day,
        startMs: localMs(day, hour, team.timeZone),
        region: team.region,
      },
      random,
    )
  })
}

function usualOn(busy: boolean, random: Random): Truth {
  return random.next() < FORGOTTEN ? 'forgotten password' : busy ? 'month end' : 'usual'
}

/** One attack of each kind on a day, all of one agent. */
export function attacksOf(team: Team, day: string, random: Random): Played[] {
  const noon = localMs(day, (team.hours[0] + team.hours[1]) / 2, team.timeZone)
  const night = localMs(day, 2 + random.next() * 2, team.timeZone)
  const agent = random.pick(team.agents)
  return OF_ONE_AGENT.map((truth) =>
    play(
      {
        team,
        session: `${team.role}-${day}-${truth.replaceAll(' ', '')}`,
        truth,
        agent,
        day,
        startMs: truth === 'night entry' ? night : noon + random.int(0, 3) * HOUR_MS,
        region: truth === 'foreign region' ? 'sa-east-1' : team.region,
      },
      random,
    ),
  )
}

/** Every agent of the teams is tried twice from one network within a quarter of an hour. */
export function sprayingOf(teams: readonly Team[], day: string, random: Random): Played[] {
  const startMs = Date.parse(`${day}T11:00:00Z`)
  const agents = teams.flatMap((team) => team.agents.map((agent) => ({ team, agent })))
  return agents.map(({ team, agent }, i) => ({
    ...play(
      {
        team,
        session: `${agent}-${day}-spraying`,
        truth: 'spraying',
        agent,
        day,
        startMs: startMs + i * 50_000,
        region: team.region,
      },
      random,
    ),
    campaign: `spraying-${day}`,
  }))
}

function play({ team, session, truth, agent, day, startMs, region }: Plan, random: Random): Played {
  const events: object[] = []
  let atMs = Math.round(startMs)
  const step = (data: object): void => {
    atMs += random.int(400, 2_500)
    events.push({
      specversion: '1.0',
      id: `${session}-${events.length}`,
      source: `urn:pep:${team.role}`,
      type: 'agent.tool.event.v1',
      time: new Date(atMs).toISOString(),
      data: {
        seq: events.length,
        tenant: 'fleet',
        agent: { id: agent, role: team.role },
        session: { id: session, kind: 'run', client_ip: FOREIGN_NETWORK.has(truth) ? '203.0.113.9' : '10.1.0.7' },
        env: { region, host: `${team.role}-host-${random.int(1, 3)}` },
        ...data,
      },
    })
  }
  const auth = (outcome: 'success' | 'failure'): void =>
    step({
      op: 'auth',
      phase: 'response',
      call_id: `${session}-auth-${events.length}`,
      server: { id: 'records' },
      result: { status: outcome === 'success' ? 'ok' : 'denied' },
      auth: {
        outcome,
        method: 'oauth',
        credential_sha256: createHash('sha256').update(agent).digest('hex'),
      },
    })
  const call = (tool: string, args: object, records: number, bytes: number): void => {
    const common = {
      op: 'tools/call',
      call_id: `${session}-${events.length}`,
      server: { id: 'records' },
      tool: { name: tool },
      args,
      intent: { text: 'Work through the open cases of today.' },
    }
    step({ phase: 'request', ...common })
    step({ phase: 'response', ...common, result: { status: 'ok', records, bytes, duration_ms: random.int(30, 400) } })
  }
  for (let i = failuresOf(truth, random); i > 0; i--) auth('failure')
  if (truth === 'failed guessing' || truth === 'spraying') return { session, agent, day, truth, events }
  auth('success')
  const size = truth === 'month end' ? 2 : 1
  const cases = (truth === 'many calls' ? 120 : random.int(2, 5)) * size
  call('list_cases', { status: 'open' }, random.int(4, 20) * size, random.int(800, 4_000) * size)
  for (let i = 0; i < cases; i++) {
    call('get_case', { id: random.int(10_000, 99_999) }, 1, random.int(300, 1_500))
    if (random.next() < 0.5) call('add_note', { id: random.int(10_000, 99_999), text: 'checked' }, 1, 40)
  }
  if (truth === 'mass read') call('list_cases', { status: 'all' }, 2_000 + random.int(0, 3_000), 900_000)
  return { session, agent, day, truth, events }
}

/** Attempts that fail before the session's authentication succeeds, or is given up. */
function failuresOf(truth: Truth, random: Random): number {
  if (truth === 'forgotten password') return random.int(1, 3)
  if (truth === 'spraying') return 2
  return truth === 'password guessing' || truth === 'failed guessing' ? 14 : 0
}
