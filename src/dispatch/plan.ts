import type { Effect, Finding, Level, Order, PlanInput, Severity, Target } from '../model/index.ts'
import { highestAllowed, moreSevere } from './ladder.ts'
import { orderId } from './order-id.ts'

/** What is ordered for findings that match: the first rule that matches counts. */
export interface PolicyRule {
  /** any when absent */
  readonly roles?: ReadonlySet<string>
  /** what the tool of the call does; any when absent */
  readonly tools?: ReadonlySet<Effect>
  /** any when absent */
  readonly severities?: ReadonlySet<Severity>
  readonly atLeast?: Level
  readonly atMost?: Level
  /** a person must say yes first */
  readonly approval: boolean
  readonly leaseMs?: number
}

export interface PlanPolicy {
  readonly mode: 'monitor' | 'enforce'
  readonly leaseMs: Readonly<Record<Level, number>>
  /** rungs that may be ordered; a more severe one that is asked for falls to the highest allowed below it */
  readonly allowed: ReadonlySet<Level>
  readonly rules: readonly PolicyRule[]
  /** what only a person may contain: planned, and delivered once it is approved */
  readonly protected: {
    readonly roles: ReadonlySet<string>
    readonly agents: ReadonlySet<string>
    /** `server/name` or `name` */
    readonly tools: ReadonlySet<string>
  }
}

const HOUR_MS = 3_600_000

/** Lease per level when the operator sets none: 4 h, a quarantined tool 24 h. */
export const DEFAULT_LEASE_MS: Readonly<Record<Level, number>> = {
  monitor: 4 * HOUR_MS,
  require_step_up: 4 * HOUR_MS,
  restrict_read_only: 4 * HOUR_MS,
  quarantine_tool: 24 * HOUR_MS,
  suspend_session: 4 * HOUR_MS,
}

/** Reasons that an order carries for whoever decides about it. */
const REASONS = 3

/**
 * The orders that answer a finding: none or one. Pure and of event time only, so a replay plans the same orders with
 * the same ids. A session is ordered again only when the new rung is more severe than what stands, or that has ended.
 */
export function plan(input: PlanInput, policy: PlanPolicy): readonly Order[] {
  const rule = policy.rules.find((one) => matches(one, input))
  const asked = within(input.level, rule)
  const level = aimable(highestAllowed(asked, policy.allowed), input.finding, policy.allowed)
  if (level === undefined) return []
  const { standing } = input
  if (standing !== undefined && input.eventMs < standing.expiresMs && !moreSevere(level, standing.level)) return []
  const target = targetOf(level, input)
  const isMeant = policy.mode === 'enforce' && input.monitored !== true && level !== 'monitor'
  const mode = isMeant ? 'enforce' : 'monitor'
  const approval =
    protectionOf(target, input, policy) ?? (rule?.approval === true ? 'the policy asks a person' : undefined)
  const identity = { tenant: input.tenant, target, cause: input.finding.cause, level, issuedMs: input.eventMs }
  return [
    {
      ...identity,
      id: orderId(identity),
      reason: input.finding.title,
      severity: input.finding.severity,
      score: input.risk,
      findingId: input.finding.id,
      rules: input.finding.signals,
      expiresMs: input.eventMs + (rule?.leaseMs ?? input.leaseMs ?? policy.leaseMs[level]),
      mode,
      reasons: input.finding.reasons.slice(0, REASONS),
      evidence: input.evidence,
      ...(approval === undefined || mode === 'monitor' ? {} : { approval }),
    },
  ]
}

function matches({ roles, tools, severities }: PolicyRule, { role, effect, finding }: PlanInput): boolean {
  return (roles?.has(role) ?? true) && (tools?.has(effect) ?? true) && (severities?.has(finding.severity) ?? true)
}

function within(level: Level, rule: PolicyRule | undefined): Level {
  const raised = rule?.atLeast !== undefined && moreSevere(rule.atLeast, level) ? rule.atLeast : level
  return rule?.atMost !== undefined && moreSevere(raised, rule.atMost) ? rule.atMost : raised
}

function protectionOf(target: Target, input: PlanInput, policy: PlanPolicy): string | undefined {
  const { roles, agents, tools } = policy.protected
  if (target.kind === 'tool') {
    const { tool = '' } = input.finding
    return tools.has(target.id) || tools.has(tool) ? `${target.id} is a protected tool` : undefined
  }
  if (agents.has(input.agent)) return `${input.agent} is a protected agent`
  return roles.has(input.role) ? `${input.role} is a protected role` : undefined
}

/** A quarantine needs a tool to aim at; a finding that names none falls to the highest rung below that is allowed. */
function aimable(level: Level | undefined, finding: Finding, allowed: ReadonlySet<Level>): Level | undefined {
  if (level !== 'quarantine_tool' || finding.tool !== undefined) return level
  return highestAllowed('restrict_read_only', allowed)
}

function targetOf(level: Level, input: PlanInput): Target {
  const { tool, server } = input.finding
  // A tool that turned bad is bad for everyone: quarantine is fleet-wide within the tenant.
  if (level === 'quarantine_tool' && tool !== undefined) return { kind: 'tool', id: `${server}/${tool}` }
  return { kind: 'session', id: input.session, agent: input.agent }
}
