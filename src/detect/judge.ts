import type {
  Action,
  AgentHour,
  Baseline,
  Facts,
  Finding,
  Judged,
  JudgedSignal,
  Level,
  Order,
  PlanInput,
  Severity,
  ToolEvent,
  Verdict,
} from '../model/index.ts'
import { mostSevere, QUIET_FLEET, severityOfLevel } from '../model/index.ts'
import { tailOf } from './calibrate.ts'
import type { Response, SignalSource } from './detector.ts'
import type { Detected, Engine } from './engine.ts'
import { type FindingInput, findingOf, isNews, isWorse, revised, withOrders } from './finding.ts'
import { Fleets } from './fleet.ts'
import { type Past, RestoreError, Restorer } from './restore.ts'
import type { Rules } from './rules.ts'
import type { SessionState, Sessions } from './session.ts'
import { SharedSituations } from './shared-situations.ts'
import { carrier, Evidence, evidenceOf, levelOf, riskOf, severityOf, type Weights } from './verdict.ts'
import { WEIGHTS } from './weights.ts'

/** Without `history` nothing is restored: a replay from the beginning. */
export interface JudgeParts extends Partial<Past> {
  readonly sessions: Sessions
  /** what the sessions of a tenant show together; of its own where none is passed */
  readonly fleets?: Fleets
  readonly engine: Engine
  /** the current snapshot of a role; asked per event, so swapping between batches is swapping what this returns */
  baselineOf(tenant: string, role: string): Baseline | undefined
  /** the written rules that run now; asked per event, so swapping between batches is swapping what this returns */
  rules?(): Rules | undefined
  /** stands in for a role without any */
  emptyBaseline(tenant: string, role: string): Baseline
  /** pure: what is ordered for a finding */
  plan(request: PlanInput): readonly Order[]
  /** told when a restore failed: judging goes on with what is known */
  restoreFailed?(error: unknown, sessions: number): void
  readonly weights?: Weights
}

/** Judge of the pipeline: fold, detect, fuse, plan. One per process; synchronous but for the restore. */
export class StreamJudge {
  private readonly parts: JudgeParts
  private readonly weights: Weights
  private readonly fleets: Fleets
  private readonly restorer: Restorer | undefined
  private readonly empty = new Map<string, Baseline>()
  private readonly shared = new SharedSituations()

  constructor(parts: JudgeParts) {
    this.parts = parts
    this.weights = parts.weights ?? WEIGHTS
    this.fleets = parts.fleets ?? new Fleets()
    const { history, agentHours, recentSessions } = parts
    if (history === undefined) return
    const past = { history, ...(agentHours && { agentHours }), ...(recentSessions && { recentSessions }) }
    this.restorer = new Restorer(past, parts.sessions)
  }

  forget(origins: readonly string[]): void {
    if (origins.length === 0) return
    this.parts.sessions.forget(origins)
    this.restorer?.assigned()
  }

  /** Folds stored events again, so that sessions are as if they had been judged here. */
  async restoreUnknown(events: readonly ToolEvent[]): Promise<void> {
    try {
      await this.restorer?.restore(events, (event) => this.judgeIn(event, undefined))
    } catch (error) {
      this.parts.restoreFailed?.(error, error instanceof RestoreError ? error.sessions : 0)
    }
  }

  judge(event: ToolEvent): Judged {
    return this.judgeIn(event, this.fleets)
  }

  /** Without fleets: a stored event of one session says nothing new of the fleet, which is restored as a whole. */
  private judgeIn(event: ToolEvent, fleets: Fleets | undefined): Judged {
    const { sessions, engine } = this.parts
    const { session, duplicate } = sessions.enter(event)
    const baseline = this.baselineFor(event.tenant, session.role)
    if (duplicate)
      return {
        event,
        facts: factsOf(session),
        agentHour: NO_HOUR,
        verdict: duplicateVerdict(session, baseline),
        orders: NO_ORDERS,
      }
    const fleet = fleets?.enter(event, session) ?? QUIET_FLEET
    const detected = this.withRules(event, session, baseline, engine.detect({ event, session, baseline, fleet }))
    const judged = this.fuse(event, session, baseline, detected)
    sessions.leave(session, event)
    return judged
  }

  /** Rules come last, because they may ask for what detectors said. */
  private withRules(event: ToolEvent, session: SessionState, baseline: Baseline, detected: Detected): Detected {
    const { signals, unjudged } = detected
    const matched = this.parts.rules?.()?.match({ event, session, baseline, signals })
    return matched === undefined || matched.length === 0 ? detected : { signals: [...signals, ...matched], unjudged }
  }

  private fuse(event: ToolEvent, session: SessionState, baseline: Baseline, detected: Detected): Judged {
    const signals = this.weigh(detected, baseline)
    let score = 0
    for (const signal of signals) score += signal.evidence
    endContainment(session, event.timeMs)
    // A contained session is silent because it is contained: its risk stands until the lease ends.
    const silenceMs = session.contained === 'allow' ? event.timeMs - session.riskMs : 0
    const { thresholdNats } = baseline.calibration
    // Most signals are no evidence, and a million sessions need not hold room for it.
    if (score > 0) session.evidence ??= new Evidence()
    session.evidence?.decay(silenceMs)
    for (const signal of signals) session.evidence?.add(signal.by.id, signal.evidence)
    const nats = session.evidence?.total ?? 0
    session.riskMs = Math.max(session.riskMs, event.timeMs)
    session.risk = riskOf(nats, thresholdNats)
    const { findings, orders } =
      signals.length === 0
        ? NOTHING
        : this.answer(
            session,
            { event, role: session.role, risk: session.risk, score, signals, baseline, ruleSet: this.generation },
            causesOf(detected, signals, nats, baseline),
          )
    const verdict: Verdict = {
      score,
      risk: session.risk,
      baseline: baseline.version,
      signals,
      unjudged: detected.unjudged,
      action: session.contained,
      findings,
      duplicate: false,
    }
    return { event, facts: factsOf(session), agentHour: hourOf(session), verdict, orders }
  }

  /** People are told of a situation when it begins and when it grows; it is ordered again only for more than what stands. */
  private answer(session: SessionState, input: FindingInput, causes: readonly Cause[]): Answer {
    if (causes.length === 0) return NOTHING
    const { event } = input
    const findings: Finding[] = []
    const orders: Order[] = []
    for (const cause of causes) {
      const { source, severity, response, situation: group } = cause
      const known = session.situationOf(source.id)
      if (known !== undefined) known.count++
      const asksForMore = response !== undefined && !response.monitored && moreSevere(response.level, session)
      const worse = known === undefined || isWorse(known.worst, severity, input.score)
      const news = known === undefined || isNews(known, severity)
      if (!worse && !news && !asksForMore) continue
      const shown = findingOf(input, source, severity, known?.worst, group)
      const planned =
        response === undefined || (known !== undefined && !asksForMore)
          ? NO_ORDERS
          : this.parts.plan(planRequest(event, session, shown, response))
      const worst = withOrders(worse ? shown : known.worst, planned)
      const situation = known ?? { worst, count: 1 }
      situation.worst = worst
      if (known === undefined) session.openSituation(source.id, situation)
      if (news || planned.length > 0) findings.push(this.told(revised(situation, event), group))
      // What is only watched must not stand in the way of what is meant.
      if (response?.monitored !== true) contain(session, planned)
      orders.push(...planned)
    }
    return { findings, orders }
  }

  /** Of a situation that several sessions share only the first is news. */
  private told(finding: Finding, group: string | undefined): Finding {
    if (group === undefined || finding.activity !== 'created' || this.shared.opens(finding)) return finding
    return { ...finding, activity: 'updated' }
  }

  private weigh(detected: Detected, baseline: Baseline): readonly JudgedSignal[] {
    if (detected.signals.length === 0) return NO_SIGNALS
    return detected.signals.map(({ source: { kind, id }, signal }) => {
      // How often a written rule matches on clean history is not learnt, so it is no evidence: it raises by itself.
      const tail = kind === 'rule' ? 1 : tailOf(baseline.calibration.tails, id, signal.strength)
      return {
        by: { kind, id },
        strength: signal.strength,
        reasons: signal.reasons,
        tail,
        evidence: evidenceOf(this.weights, id, tail),
      }
    })
  }

  private get generation(): string | undefined {
    return this.parts.rules?.()?.generation
  }

  private baselineFor(tenant: string, role: string): Baseline {
    const known = this.parts.baselineOf(tenant, role)
    if (known !== undefined) return known
    const key = `${tenant}\u001f${role}`
    let empty = this.empty.get(key)
    if (empty === undefined) {
      if (this.empty.size > 1000) this.empty.clear()
      empty = this.parts.emptyBaseline(tenant, role)
      this.empty.set(key, empty)
    }
    return empty
  }
}

const NO_SIGNALS: readonly JudgedSignal[] = []
const NO_ORDERS: readonly Order[] = []
const NO_HOUR: AgentHour = { hour: 0, calls: 0, bytes: 0, records: 0 }

/** Why an event is a finding, and what is asked for. */
interface Cause {
  readonly source: SignalSource
  readonly severity: Severity
  readonly response: Response | undefined
  /** absent: the session's own */
  readonly situation?: string | undefined
}

interface Answer {
  readonly findings: readonly Finding[]
  readonly orders: readonly Order[]
}

const NOTHING: Answer = { findings: [], orders: NO_ORDERS }

/**
 * What is certain by itself, then what the session's evidence adds up to, carried by the signal that says most: people
 * are told before it is enough to contain.
 */
function causesOf(
  detected: Detected,
  signals: readonly JudgedSignal[],
  nats: number,
  baseline: Baseline,
): readonly Cause[] {
  const causes: Cause[] = []
  for (const { source, situation } of detected.signals)
    if (source.raises)
      causes.push({ source, severity: source.raises.severity, response: source.raises.response, situation })
  if (baseline.state === 'learning' || nats < baseline.calibration.alertNats) return causes
  const level = mayContain(detected, signals) ? levelOf(nats, baseline.calibration) : undefined
  const carried = carrier(signals)
  if (carried === undefined || carried.evidence === 0) return causes
  const source = detected.signals.find((raw) => raw.source.id === carried.by.id)?.source
  if (source === undefined) return causes
  if (level === undefined) causes.push({ source, severity: 'low', response: undefined })
  else causes.push({ source, severity: severityOf(level), response: { level } })
  return causes
}

/** A detector that only raises suspicion adds to the risk, but the last word is another's. */
function mayContain(detected: Detected, signals: readonly JudgedSignal[]): boolean {
  return detected.signals.some((raw, i) => raw.source.contains && (signals[i]?.evidence ?? 0) > 0)
}

function factsOf(session: SessionState): Facts {
  const { token, firstOfCall, parameters, traits } = session
  return { token, firstOfCall, parameters: traits.length === 0 ? parameters : [...parameters, ...traits] }
}

/** A copy, because the counts go on. */
function hourOf({ agentHour: { hour, calls, bytes, records } }: SessionState): AgentHour {
  return { hour, calls, bytes, records }
}

function duplicateVerdict(session: SessionState, baseline: Baseline): Verdict {
  return {
    score: 0,
    risk: session.risk,
    baseline: baseline.version,
    signals: NO_SIGNALS,
    unjudged: [],
    action: session.contained,
    findings: NOTHING.findings,
    duplicate: true,
  }
}

/** Nothing new is said by a cause that was raised before and asks for no more than what stands. */
function moreSevere(level: Level, session: SessionState): boolean {
  return severityOfLevel(level) > severityOfLevel(session.contained)
}

function endContainment(session: SessionState, nowMs: number): void {
  if (session.contained !== 'allow' && nowMs >= session.containedUntilMs) session.contained = 'allow'
}

function contain(session: SessionState, orders: readonly Order[]): void {
  for (const { level, expiresMs } of orders) {
    const action: Action = mostSevere(session.contained, level)
    if (action !== session.contained || expiresMs > session.containedUntilMs) session.containedUntilMs = expiresMs
    session.contained = action
  }
}

function planRequest(
  event: ToolEvent,
  session: SessionState,
  finding: Finding,
  { level, leaseMs, monitored }: Response,
): PlanInput {
  const { contained } = session
  return {
    tenant: event.tenant,
    agent: event.data.agent.id,
    role: session.role,
    effect: session.effect,
    session: event.data.session.id,
    finding,
    risk: session.risk,
    level,
    leaseMs,
    monitored,
    eventMs: event.timeMs,
    evidence: { source: event.source, id: event.id, callId: event.data.call_id, receivedMs: event.receivedMs },
    ...(contained === 'allow' ? {} : { standing: { level: contained, expiresMs: session.containedUntilMs } }),
  }
}
