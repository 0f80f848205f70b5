import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Random, seeded } from '../../scripts/fixtures/world.ts'
import { emptyBaseline } from '../../src/baseline/empty.ts'
import { type LearnSettings, learnFromStore } from '../../src/baseline/learn.ts'
import { Baselines, parseBaseline, serialise } from '../../src/baseline/snapshot.ts'
import { StreamJudge } from '../../src/detect/judge.ts'
import { Sessions } from '../../src/detect/session.ts'
import type { Judged, ToolEvent } from '../../src/model/index.ts'
import { parseConfig } from '../../src/run/config.ts'
import { calibrator, openEngine } from '../../src/run/parts/judge.ts'
import { openStore } from '../../src/store/open.ts'
import { toolEvent } from '../../src/testing/events.ts'
import type { Evaluation, Figures } from './main.ts'

const START_MS = Date.UTC(2026, 8, 7, 9)
const DAY_MS = 86_400_000
const CLEAN_DAYS = 14
const DRIP_DAYS = 30
/** the learn job runs this often, so that thirty days are ten baselines */
const LEARN_EVERY_DAYS = 3
const SESSIONS_PER_DAY = 12
const AGENTS = 4
/** sessions a day in which the attacker slips the action in */
const DRIPS_PER_DAY = 2

interface Variant {
  /** alerted and contained sessions are kept out of what is learnt */
  readonly guarded: boolean
  readonly settings: Partial<LearnSettings>
  readonly attackers: number
}

const NO_GUARD: Variant = { guarded: false, attackers: 1, settings: { withholdSuspects: false } }
const ALARM = { withholdSuspects: true }
const VARIANTS: Readonly<Record<string, Variant>> = {
  'no guard': NO_GUARD,
  'no guard, two agents': { ...NO_GUARD, attackers: 2 },
  'guarded learning': { ...NO_GUARD, guarded: true },
  'at most one session of an agent a day': {
    ...NO_GUARD,
    settings: { ...NO_GUARD.settings, maxSessionsPerAgentDay: 1 },
  },
  'support of two agents': { ...NO_GUARD, settings: { ...NO_GUARD.settings, minSupport: { sessions: 1, agents: 2 } } },
  'support of two agents, two agents': {
    guarded: false,
    attackers: 2,
    settings: { ...NO_GUARD.settings, minSupport: { sessions: 1, agents: 2 } },
  },
  'alarm on the baseline': { ...NO_GUARD, settings: ALARM },
  'alarm on the baseline, two agents': { guarded: false, attackers: 2, settings: ALARM },
  'alarm on the baseline, all agents': { guarded: false, attackers: AGENTS, settings: ALARM },
  'as shipped': { guarded: true, attackers: 1, settings: {} },
}

/** How long a role must be fed a new action until it counts as normal. */
export const evaluation: Evaluation = {
  about:
    'an attacker slips a new action into a role for 30 simulated days: events and agents until it raises nothing any more, with and without each guard',
  ownData: true,
  async run({ progress }) {
    const outcomes: Record<string, Figures> = {}
    progress('| guard | normal after days | events | agents | suspected after days |')
    progress('|---|---|---|---|---|')
    for (const [name, variant] of Object.entries(VARIANTS)) {
      const outcome = await poison(variant)
      outcomes[name] = outcome
      progress(`| ${name} | ${Object.values(outcome).join(' | ')} |`)
    }
    return { drips_per_day: DRIPS_PER_DAY, learn_every_days: LEARN_EVERY_DAYS, outcomes }
  },
}

async function poison({ guarded, settings, attackers }: Variant): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'belay-poison-'))
  const store = await openStore({
    kind: 'embedded',
    directory: folder,
    retention: { eventDays: 20_000, findingDays: 20_000 },
  })
  const config = parseConfig('{}', 'eval')
  const engine = await openEngine(config, {
    threw: (_id, error) => {
      throw error
    },
  })
  const calibrate = calibrator(config, engine)
  const random = seeded(11)
  let baselines = new Baselines([])
  const outcomeOf = (days: number | undefined): Figures => ({
    normal_after_days: days ?? `not within ${DRIP_DAYS}`,
    events: dripped,
    agents: attackers,
    suspected_after_days: suspected ?? 'never',
  })
  const judgeAll = (events: readonly ToolEvent[]): readonly Judged[] => {
    const judge = new StreamJudge({
      sessions: new Sessions(),
      engine,
      baselineOf: (tenant, role) => baselines.of(tenant, role),
      emptyBaseline,
      plan: () => [],
    })
    return events.map((event) => judge.judge(event))
  }
  let dripped = 0
  let suspected: number | undefined
  try {
    await store.migrate()
    for (let day = 0; day < CLEAN_DAYS + DRIP_DAYS; day++) {
      const dripping = day >= CLEAN_DAYS
      const events = sessionsOf(day, dripping ? attackers : 0, random)
      if (dripping) dripped += DRIPS_PER_DAY
      const judged = judgeAll(events)
      await store.write(guarded ? judged : judged.map(unnoticed), [])
      if ((day + 1) % LEARN_EVERY_DAYS !== 0 && day !== CLEAN_DAYS - 1) continue
      const snapshots = await learnFromStore({ store, nowMs: START_MS + (day + 1) * DAY_MS, calibrate, settings })
      baselines = new Baselines(snapshots.map((snapshot) => parseBaseline(serialise(snapshot))))
      if (!dripping) continue
      if (baselines.all.some(({ state }) => state === 'suspected-poisoned')) suspected ??= day + 1 - CLEAN_DAYS
      const probe = judgeAll(session(`probe-${day}`, `agent-${AGENTS}`, START_MS + (day + 1) * DAY_MS, true, random))
      if (probe.every(({ verdict }) => verdict.findings.length === 0 && verdict.action === 'allow'))
        return outcomeOf(day + 1 - CLEAN_DAYS)
    }
    return outcomeOf(undefined)
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** As if nobody had looked: what a learn job without a guard would take. */
function unnoticed(judged: Judged): Judged {
  return { ...judged, verdict: { ...judged.verdict, findings: [], action: 'allow' } }
}

function sessionsOf(day: number, attackers: number, random: Random): ToolEvent[] {
  return Array.from({ length: SESSIONS_PER_DAY }, (_, i) => {
    const bad = attackers > 0 && i < DRIPS_PER_DAY
    const agent = bad ? 1 + (i % attackers) : 1 + (i % AGENTS)
    return session(`s-${day}-${i}`, `agent-${agent}`, START_MS + day * DAY_MS + i * 1_800_000, bad, random)
  }).flat()
}

function session(name: string, agent: string, startMs: number, bad: boolean, random: Random): ToolEvent[] {
  const tools = [
    'list_cases',
    ...Array.from({ length: random.int(1, 4) }, () => 'get_case'),
    ...(bad ? ['export_customers'] : []),
  ]
  return tools.map((tool, i) => {
    const id = `${name}-${i}`
    const data = {
      call_id: id,
      agent: { id: agent, role: 'clerk' },
      session: { id: name },
      server: { id: 'records' },
      tool: { name: tool },
    }
    return toolEvent(data, { id, timeMs: startMs + i * 5_000, receivedMs: startMs + i * 5_000 })
  })
}
