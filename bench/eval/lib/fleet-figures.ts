import { seeded } from '../../../scripts/fixtures/world.ts'
import type { Judged } from '../../../src/model/index.ts'
import {
  ATTACKS,
  attacksOf,
  daysFrom,
  isWorkday,
  type Played,
  sprayingOf,
  TEAMS,
  type Team,
  type Truth,
  workOf,
} from './fleet-world.ts'
import { learnAndJudge } from './learn-and-judge.ts'

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

export interface Fleets {
  readonly history: readonly Played[]
  readonly test: readonly Played[]
}

export function playFleets(): Fleets {
  const random = seeded(SEED)
  const history = TEAMS.flatMap((team) =>
    daysFrom(HISTORY_FROM, HISTORY_DAYS)
      .filter((day) => isWorkday(day, team))
      .flatMap((day) => workOf(team, day, random)),
  )
  return { history, test: [...TEAMS.flatMap((team) => testOf(team, random)), ...spraying(random)] }
}

function testDays(): readonly string[] {
  const from = daysFrom(HISTORY_FROM, HISTORY_DAYS + 1).at(-1) ?? HISTORY_FROM
  return daysFrom(from, TEST_DAYS)
}

function testOf(team: Team, random: ReturnType<typeof seeded>): Played[] {
  const played: Played[] = []
  for (const day of testDays()) {
    if (isWorkday(day, team)) played.push(...withAttacks(workOf(team, day, random), attacksOf(team, day, random)))
    // A few work on a holiday.
    else if (team.holidays.includes(day)) played.push(...workOf(team, day, random, 'holiday shift').slice(0, 4))
    if (team.role === NEW_TEAM.role && isWorkday(day, NEW_TEAM))
      played.push(...workOf(NEW_TEAM, day, random, 'new team'))
  }
  return played
}

function spraying(random: ReturnType<typeof seeded>): readonly Played[] {
  return testDays().flatMap((day, i) => (i % 3 === 0 ? sprayingOf(TEAMS, day, random) : []))
}

/** An attack raises what its agent did that day: the honest sessions beside it are counted apart. */
function withAttacks(work: readonly Played[], attacks: readonly Played[]): Played[] {
  const agents = new Set(attacks.map(({ agent }) => agent))
  const labelled = work.map((one): Played => (agents.has(one.agent) ? { ...one, truth: 'beside an attack' } : one))
  return [...labelled, ...attacks]
}

/** Learnt from the history, judged on the test; `detection` is that section of the configuration. */
export function judgeFleets({ history, test }: Fleets, detection: object = {}): Promise<readonly Judged[]> {
  const timeZones = Object.fromEntries(TEAMS.map(({ role, timeZone }) => [role, timeZone]))
  return learnAndJudge({ baselines: { timeZones }, detection }, eventsOf(history), eventsOf(test))
}

function eventsOf(played: readonly Played[]): object[] {
  return played.flatMap(({ events }) => events)
}

/** Of 1,000 sessions of each truth; of an attack of several sessions, of 1,000 attacks. */
type Per1000 = Readonly<Partial<Record<Truth, number>>>

export interface FleetFigures {
  readonly cases: Per1000
  readonly alerted: Per1000
  readonly contained: Per1000
  /** honest sessions alerted, of 1,000; not those beside an attack, where an alert tells of the attack */
  readonly false_alarms_per_1000: number
  readonly detectors: Readonly<
    Record<string, { readonly evidence: Per1000; readonly alerts: Per1000; readonly false_alarms_per_1000: number }>
  >
}

interface Seen {
  alerted: boolean
  contained: boolean
  readonly evidence: Set<string>
  readonly alerts: Set<string>
}

export function fleetFigures({ test }: Fleets, judged: readonly Judged[]): FleetFigures {
  const seen = new Map<string, Seen>()
  const campaigns = new Map(test.map(({ session, campaign }) => [session, campaign ?? session]))
  const truths = new Map(test.map(({ session, campaign, truth }) => [campaign ?? session, truth]))
  for (const id of truths.keys())
    seen.set(id, { alerted: false, contained: false, evidence: new Set(), alerts: new Set() })
  for (const { event, verdict } of judged) {
    const one = seen.get(campaigns.get(event.data.session.id) ?? '')
    if (one === undefined) continue
    if (verdict.findings.length > 0) one.alerted = true
    if (verdict.action !== 'allow') one.contained = true
    for (const { by, evidence } of verdict.signals) if (evidence > 0) one.evidence.add(by.id)
    for (const { cause } of verdict.findings) one.alerts.add(cause)
  }
  const cases = new Map<Truth, Seen[]>()
  for (const [id, truth] of truths) cases.set(truth, [...(cases.get(truth) ?? []), seen.get(id) as Seen])
  const honest = [...cases].flatMap(([truth, some]) => (ATTACKS.has(truth) || truth === 'beside an attack' ? [] : some))
  const shares = (of: (one: Seen) => boolean): Per1000 =>
    Object.fromEntries([...cases].map(([truth, some]) => [truth, per1000(some, of)]))
  const ids = [...new Set([...seen.values()].flatMap(({ evidence, alerts }) => [...evidence, ...alerts]))].sort()
  return {
    cases: Object.fromEntries([...cases].map(([truth, some]) => [truth, some.length])),
    alerted: shares(({ alerted }) => alerted),
    contained: shares(({ contained }) => contained),
    false_alarms_per_1000: per1000(honest, ({ alerted }) => alerted),
    detectors: Object.fromEntries(
      ids.map((id) => [
        id,
        {
          evidence: shares(({ evidence }) => evidence.has(id)),
          alerts: shares(({ alerts }) => alerts.has(id)),
          false_alarms_per_1000: per1000(honest, ({ alerts }) => alerts.has(id)),
        },
      ]),
    ),
  }
}

function per1000(some: readonly Seen[], of: (one: Seen) => boolean): number {
  return Math.round((some.filter(of).length / Math.max(1, some.length)) * 10_000) / 10
}

/** As a Markdown table: alerts of 1,000, and in brackets how many the detector had evidence of. */
export function* fleetTable({ cases, alerted, contained, detectors }: FleetFigures): Generator<string> {
  const truths = Object.keys(cases) as Truth[]
  const row = (name: string, cellOf: (truth: Truth) => string): string =>
    `| ${name} | ${truths.map(cellOf).join(' | ')} |`
  yield row('of 1,000', (truth) => `${truth} (${cases[truth]})`)
  yield `|---|${truths.map(() => '---|').join('')}`
  yield row('alerted', (truth) => `${alerted[truth]}`)
  yield row('contained', (truth) => `${contained[truth]}`)
  for (const [id, { alerts, evidence }] of Object.entries(detectors))
    yield row(id, (truth) => `${alerts[truth]} (${evidence[truth]})`)
}
