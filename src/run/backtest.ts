import { setImmediate } from 'node:timers/promises'
import type { Silenced } from '../detect/rules.ts'
import { type Baseline, type Judged, type Order, severityOfLevel, type ToolEvent } from '../model/index.ts'
import { readReceived } from '../store/received.ts'
import type { Store } from '../store/store.ts'
import type { Settings } from './config.ts'
import { FleetBook } from './parts/fleet.ts'
import { openEngine, openJudge } from './parts/judge.ts'
import { PastBaselines } from './parts/past-baselines.ts'
import { RuleBook, type RuleBookObserver } from './parts/rules.ts'

export interface BacktestRequest {
  readonly fromMs: number
  readonly toMs: number
  /** folders or files of the whole set to try */
  readonly rules: readonly string[]
  /** the set it is held against; empty: no written rules */
  readonly against: readonly string[]
}

/** What one rule set makes of the window; a situation is counted once, as live. */
export interface BacktestSide {
  readonly findings: number
  readonly suspended: number
  readonly quarantined: number
  readonly readOnly: number
  readonly askedPerDay: number
}

export interface CauseChange {
  readonly role: string
  readonly cause: string
  readonly gained: number
  readonly lost: number
}

export interface BacktestReport {
  readonly events: number
  readonly tried: BacktestSide
  readonly against: BacktestSide
  /** by role and cause, most changed first; causes whose findings are the same are left out */
  readonly changes: readonly CauseChange[]
  /** exceptions of the tried set and how many matches each has silenced, the fewest first */
  readonly exceptions: readonly Silenced[]
}

interface Tools {
  readonly store: Pick<Store, 'query' | 'insert' | 'command'>
  /** told after each page */
  readonly progress: (events: number) => void
}

/**
 * Judges stored events again by two rule sets, each event by the baseline that judged it then, with nobody to deliver
 * orders to: the same judge as live, so the same rules on the same events say the same. What sessions did within their
 * idle time before the window is folded first and not counted. Rejects when a rule of either set does not load.
 */
export async function backtest(
  settings: Settings,
  tools: Tools & { readonly observe: RuleBookObserver },
  request: BacktestRequest,
): Promise<BacktestReport> {
  const past = new PastBaselines(tools.store)
  const side = (paths: readonly string[]): SideParts => ({
    rules: new RuleBook({ rules: { ...settings.config.rules, builtIn: false, folders: [...paths] } }, tools.observe),
    baselineOf: past.of,
  })
  const { tried, against, events } = await judgeAgain(settings, tools, {
    ...request,
    tried: side(request.rules),
    against: side(request.against),
    before: (event, baseline) => past.stand(event, baseline),
  })
  const days = daysOf(request)
  return {
    events,
    tried: tried.total(days),
    against: against.total(days),
    changes: changesOf(tried, against),
    exceptions: [...tried.exceptions()].sort((a, b) => a.matches - b.matches),
  }
}

/** What judges one side. */
export interface SideParts {
  readonly rules: RuleBook
  readonly baselineOf: (tenant: string, role: string) => Baseline | undefined
}

export interface Comparison {
  readonly fromMs: number
  readonly toMs: number
  /** all tenants when absent */
  readonly tenant?: string
  readonly tried: SideParts
  readonly against: SideParts
  /** done before an event is judged; with the version of the baseline that judged it then */
  readonly before?: (event: ToolEvent, baseline: string) => Promise<void>
}

/** A live instance goes on judging between two slices. */
const SLICE = 250

/** Judges the stored events of a window by both sides. */
export async function judgeAgain(
  settings: Settings,
  tools: Tools,
  { fromMs, toMs, tenant, before, ...sides }: Comparison,
): Promise<{ readonly events: number; readonly tried: Side; readonly against: Side }> {
  const tried = await openSide(settings, tools, sides.tried)
  const against = await openSide(settings, tools, sides.against)
  const warmUpMs = settings.config.limits.sessionIdleMinutes * 60_000
  let events = 0
  let slice = 0
  for await (const page of readReceived(tools.store, fromMs - warmUpMs, toMs, tenant)) {
    for (const { event, baseline } of page) {
      await before?.(event, baseline)
      const counts = event.receivedMs >= fromMs
      if (counts) events++
      for (const side of [tried, against]) side.take(event, counts)
      if (++slice % SLICE === 0) await setImmediate()
    }
    tools.progress(events)
  }
  return { events, tried, against }
}

export function daysOf({ fromMs, toMs }: Pick<BacktestRequest, 'fromMs' | 'toMs'>): number {
  return Math.max(1, (toMs - fromMs) / 86_400_000)
}

async function openSide(settings: Settings, { store }: Tools, { rules, baselineOf }: SideParts): Promise<Side> {
  await rules.refresh(Date.now())
  const engine = await openEngine(settings.config, {
    // Counted by the live run already; here it would be told twice for each event.
    threw: () => undefined,
  })
  const { judge, fleets } = openJudge(settings.config, { engine, baselineOf, rules: rules.of })
  await new FleetBook(store, fleets).refresh()
  return new Side(judge, rules)
}

/** What was found, once per session and cause. */
export interface Found {
  readonly tenant: string
  readonly session: string
  readonly role: string
  readonly cause: string
}

/** One rule set, and what it has found so far. */
export class Side {
  /** `tenant session role cause` */
  readonly found = new Map<string, Found>()
  /** a rule that suppresses by group makes one of several sessions' */
  private readonly findings = new Set<string>()
  private readonly judge: { judge(event: Judged['event']): Judged }
  private readonly rules: RuleBook
  private readonly contained = new Map<string, Order['level']>()
  private asked = 0

  constructor(judge: { judge(event: Judged['event']): Judged }, rules: RuleBook) {
    this.judge = judge
    this.rules = rules
  }

  exceptions(): readonly Silenced[] {
    return this.rules.of()?.silenced ?? []
  }

  take(event: Judged['event'], counts: boolean): void {
    const { verdict, orders } = this.judge.judge(event)
    if (!counts) return
    for (const { id, tenant, session, role, cause } of verdict.findings) {
      this.findings.add(id)
      this.found.set([tenant, session, role, cause].join('\u001f'), { tenant, session, role, cause })
    }
    for (const { tenant, target, level } of orders) {
      if (level === 'require_step_up') this.asked++
      const key = [tenant, target.kind, target.agent ?? '', target.id].join('\u001f')
      const known = this.contained.get(key)
      if (known === undefined || severityOfLevel(level) > severityOfLevel(known)) this.contained.set(key, level)
    }
  }

  total(days: number): BacktestSide {
    const at = (level: Order['level']) => [...this.contained.values()].filter((one) => one === level).length
    return {
      findings: this.findings.size,
      suspended: at('suspend_session'),
      quarantined: at('quarantine_tool'),
      readOnly: at('restrict_read_only'),
      askedPerDay: Math.round((this.asked / days) * 100) / 100,
    }
  }
}

export function changesOf(tried: Side, against: Side): readonly CauseChange[] {
  const changes = new Map<string, { role: string; cause: string; gained: number; lost: number }>()
  const count = (from: Side, other: Side, what: 'gained' | 'lost'): void => {
    for (const [key, { role, cause }] of from.found) {
      if (other.found.has(key)) continue
      const name = `${role}\u001f${cause}`
      const change = changes.get(name) ?? { role, cause, gained: 0, lost: 0 }
      change[what]++
      changes.set(name, change)
    }
  }
  count(tried, against, 'gained')
  count(against, tried, 'lost')
  return [...changes.values()].sort((a, b) => b.gained + b.lost - (a.gained + a.lost))
}
