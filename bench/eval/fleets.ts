import { seeded } from '../../scripts/fixtures/world.ts'
import type { Judged } from '../../src/model/index.ts'
import {
  ATTACKS,
  attacksOf,
  daysFrom,
  isWorkday,
  type Played,
  TEAMS,
  type Team,
  type Truth,
  workOf,
} from './lib/fleet-world.ts'
import { learnAndJudge } from './lib/learn-and-judge.ts'
import type { Evaluation, Figures } from './main.ts'

const SEED = 20_261_005
const HISTORY_FROM = '2026-10-01'
const HISTORY_DAYS = 42
const TEST_DAYS = 35
/** The team that joins: the same work as orders, half the world away. */
const NEW_TEAM: Team = {
  ...(TEAMS[1] as Team),
  timeZone: 'Australia/Sydney',
  region: 'ap-southeast-2',
  agents: ['orders-bot-21', 'orders-bot-22'],
  sessionsPerDay: 6,
}

/** Off-hours, volume and authentication where the truth is known. */
export const evaluation: Evaluation = {
  about:
    'generated fleets in three time zones over the end of summer time, holidays, month ends and a team that joins elsewhere: what each detector finds, and false alarms per 1,000 honest sessions',
  ownData: true,
  async run({ progress }) {
    const random = seeded(SEED)
    const history: Played[] = []
    for (const team of TEAMS)
      for (const day of daysFrom(HISTORY_FROM, HISTORY_DAYS))
        if (isWorkday(day, team)) history.push(...workOf(team, day, random))
    const test = TEAMS.flatMap((team) => testOf(team, random))
    progress(`${history.length} sessions of history, ${test.length} to judge`)
    const timeZones = Object.fromEntries(TEAMS.map(({ role, timeZone }) => [role, timeZone]))
    const judged = await learnAndJudge({ baselines: { timeZones } }, eventsOf(history), eventsOf(test))
    const figures = figuresOf(test, judged)
    for (const line of tableOf(figures)) progress(line)
    return figures
  },
}

function testOf(team: Team, random: ReturnType<typeof seeded>): Played[] {
  const from = daysFrom(HISTORY_FROM, HISTORY_DAYS + 1).at(-1) ?? HISTORY_FROM
  const played: Played[] = []
  for (const day of daysFrom(from, TEST_DAYS)) {
    if (isWorkday(day, team)) played.push(...withAttacks(workOf(team, day, random), attacksOf(team, day, random)))
    // A few work on a holiday.
    else if (team.holidays.includes(day)) played.push(...workOf(team, day, random, 'holiday shift').slice(0, 4))
    if (team.role === NEW_TEAM.role && isWorkday(day, NEW_TEAM))
      played.push(...workOf(NEW_TEAM, day, random, 'new team'))
  }
  return played
}

/** An attack raises what its agent did that day: the honest sessions beside it are counted apart. */
function withAttacks(work: readonly Played[], attacks: readonly Played[]): Played[] {
  const agents = new Set(attacks.map(({ agent }) => agent))
  const labelled = work.map((one): Played => (agents.has(one.agent) ? { ...one, truth: 'beside an attack' } : one))
  return [...labelled, ...attacks]
}

function eventsOf(played: readonly Played[]): object[] {
  return played.flatMap(({ events }) => events)
}

interface Seen {
  alerted: boolean
  contained: boolean
  readonly said: Set<string>
}

function figuresOf(played: readonly Played[], judged: readonly Judged[]) {
  const seen = new Map<string, Seen>()
  for (const { event, verdict } of judged) {
    const one = seen.get(event.data.session.id) ?? { alerted: false, contained: false, said: new Set<string>() }
    seen.set(event.data.session.id, one)
    if (verdict.findings.length > 0) one.alerted = true
    if (verdict.action !== 'allow') one.contained = true
    for (const { by, evidence } of verdict.signals) if (evidence > 0) one.said.add(by.id)
    for (const { cause } of verdict.findings) one.said.add(`${cause} (alert)`)
  }
  const sessions = (truth: Truth): readonly Seen[] =>
    played.flatMap((one) =>
      one.truth === truth
        ? [seen.get(one.session) ?? { alerted: false, contained: false, said: new Set<string>() }]
        : [],
    )
  const truths = [...new Set(played.map(({ truth }) => truth))]
  const detectors = [...new Set([...seen.values()].flatMap(({ said }) => [...said]))].sort()
  const honest = truths.filter((truth) => !ATTACKS.has(truth)).flatMap((truth) => sessions(truth))
  return {
    sessions: Object.fromEntries(truths.map((truth) => [truth, sessions(truth).length])),
    alerted: Object.fromEntries(truths.map((truth) => [truth, share(sessions(truth), ({ alerted }) => alerted)])),
    contained: Object.fromEntries(truths.map((truth) => [truth, share(sessions(truth), ({ contained }) => contained)])),
    false_alarms_per_1000: Math.round(share(honest, ({ alerted }) => alerted) * 10_000) / 10,
    detectors: Object.fromEntries(
      detectors.map((id) => [
        id,
        Object.fromEntries(truths.map((truth) => [truth, share(sessions(truth), ({ said }) => said.has(id))])),
      ]),
    ),
  } satisfies Figures
}

function share(sessions: readonly Seen[], of: (seen: Seen) => boolean): number {
  return Math.round((sessions.filter(of).length / Math.max(1, sessions.length)) * 10_000) / 10_000
}

function* tableOf({ sessions, alerted, contained, detectors }: ReturnType<typeof figuresOf>): Generator<string> {
  const truths = Object.keys(sessions)
  const row = (name: string, of: Readonly<Record<string, number>>): string =>
    `| ${name} | ${truths.map((truth) => `${((of[truth] ?? 0) * 100).toFixed(1)} %`).join(' | ')} |`
  yield `| share of sessions | ${truths.map((truth) => `${truth} (${sessions[truth]})`).join(' | ')} |`
  yield `|---|${truths.map(() => '---|').join('')}`
  yield row('alerted', alerted)
  yield row('contained', contained)
  for (const [id, of] of Object.entries(detectors)) yield row(`${id} spoke`, of)
}
