import { createHash } from 'node:crypto'
import type {
  Baseline,
  BaselinePassport,
  EventLink,
  Finding,
  JudgedSignal,
  Order,
  Reason,
  Severity,
  ToolEvent,
} from '../model/index.ts'
import type { SignalSource } from './detector.ts'
import type { Situation } from './session/state.ts'

/** An event as it was judged, for the finding it may be. */
export interface FindingInput {
  readonly event: ToolEvent
  readonly role: string
  readonly risk: number
  /** evidence of the event, nats */
  readonly score: number
  readonly signals: readonly JudgedSignal[]
  readonly baseline: Baseline
  readonly ruleSet: string | undefined
}

const MAX_REASONS = 8

/** The finding as this event shows it; `known` is what the situation has shown before. */
export function findingOf(
  input: FindingInput,
  { id: cause, title, tags, runbook }: SignalSource,
  severity: Severity,
  known: Finding | undefined,
  situation: string | undefined,
): Finding {
  const { event, signals, baseline } = input
  const { data } = event
  const reasons: Reason[] = [...signals]
    .sort((a, b) => Number(b.by.id === cause) - Number(a.by.id === cause) || b.evidence - a.evidence)
    .flatMap((signal) => signal.reasons)
    .slice(0, MAX_REASONS)
  const finding = {
    id: known?.id ?? hashOf(event.tenant, ...(situation === undefined ? ownOf(event, cause) : [situation])),
    activity: 'created' as const,
    tenant: event.tenant,
    agent: data.agent.id,
    role: input.role,
    session: data.session.id,
    cause,
    title,
    severity,
    risk: input.risk,
    score: input.score,
    reasons,
    signals: signals.map((signal) => signal.by.id),
    tags,
    runbook,
    baseline: baseline.version,
    passport: passportOf(baseline),
    ...(input.ruleSet !== undefined && { ruleSet: input.ruleSet }),
    eventSource: event.source,
    eventId: event.id,
    callId: data.call_id,
    server: data.server.id,
    atMs: event.timeMs,
    openedMs: known?.openedMs ?? event.timeMs,
    count: 1,
    latest: linkOf(event),
    ...(known?.containment && { containment: known.containment }),
  }
  return data.tool === undefined ? finding : { ...finding, tool: data.tool.name }
}

function ownOf({ data, timeMs }: ToolEvent, cause: string): readonly string[] {
  return [data.agent.id, data.session.id, cause, dayOf(timeMs)]
}

/** Of two events of one situation the one that people should see. */
export function isWorse(known: Finding, severity: Severity, score: number): boolean {
  const by = compareSeverity(severity, known.severity)
  return by > 0 || (by === 0 && score > known.score)
}

/** Request and response of one call, and the call after it, are one thing to people. */
const FIRST_NEWS = 4

/** More evidence is told at the fourth event, the eighth, the sixteenth: a flood of them is a few revisions. */
export function isNews({ count, worst }: Situation, severity: Severity): boolean {
  return (count >= FIRST_NEWS && Number.isInteger(Math.log2(count))) || compareSeverity(severity, worst.severity) > 0
}

/** What people are told now: the worst event, and the one at hand. */
export function revised({ worst, count }: Situation, event: ToolEvent): Finding {
  return { ...worst, activity: count === 1 ? 'created' : 'updated', count, latest: linkOf(event) }
}

/** With the last of the orders that answer it. */
export function withOrders(finding: Finding, orders: readonly Order[]): Finding {
  const order = orders.at(-1)
  if (order === undefined) return finding
  const asked = order.approval === undefined ? 'requested' : 'awaiting_approval'
  const state = order.mode === 'monitor' ? 'planned' : asked
  return { ...finding, containment: { id: order.id, level: order.level, state } }
}

function linkOf(event: ToolEvent): EventLink {
  return { source: event.source, id: event.id, callId: event.data.call_id, atMs: event.timeMs }
}

function passportOf(baseline: Baseline): BaselinePassport {
  const { version, state, sessions, agents, days, fromMs, toMs, parent } = baseline
  return { version, state, sessions, agents, days, fromMs, toMs, ...(parent !== undefined && { parent }) }
}

const RANK: Readonly<Record<Severity, number>> = { low: 0, medium: 1, high: 2, critical: 3 }

/** How much worse `a` is than `b`: above zero where it is. */
function compareSeverity(a: Severity, b: Severity): number {
  return RANK[a] - RANK[b]
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\u001f')).digest('hex').slice(0, 32)
}
