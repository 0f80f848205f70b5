import type { Finding, Level, Order, PlanInput, Target } from '../model/index.ts'
import { highestAllowed, moreSevere } from './ladder.ts'
import { orderId } from './order-id.ts'

export interface PlanPolicy {
  readonly mode: 'monitor' | 'enforce'
  readonly leaseMs: Readonly<Record<Level, number>>
  /** rungs that may be ordered; a more severe one that is asked for falls to the highest allowed below it */
  readonly allowed: ReadonlySet<Level>
  /** roles that only a person may contain: planned and recorded, never delivered */
  readonly protectedRoles: ReadonlySet<string>
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

/**
 * The orders that answer a finding: none or one. Pure and of event time only, so a replay plans the same orders with
 * the same ids. A session is ordered again only when the new rung is more severe than what stands, or that has ended.
 */
export function plan(input: PlanInput, policy: PlanPolicy): readonly Order[] {
  const level = aimable(highestAllowed(input.level, policy.allowed), input.finding, policy.allowed)
  if (level === undefined) return []
  const { standing } = input
  if (standing !== undefined && input.eventMs < standing.expiresMs && !moreSevere(level, standing.level)) return []
  const isProtected = policy.protectedRoles.has(input.role)
  const enforced = policy.mode === 'enforce' && level !== 'monitor' && !isProtected
  const identity = {
    tenant: input.tenant,
    target: targetOf(level, input),
    cause: input.finding.cause,
    level,
    issuedMs: input.eventMs,
  }
  return [
    {
      ...identity,
      id: orderId(identity),
      reason: isProtected ? `protected role ${input.role}: ${input.finding.title}` : input.finding.title,
      severity: input.finding.severity,
      score: input.risk,
      findingId: input.finding.id,
      rules: input.finding.signals,
      expiresMs: input.eventMs + policy.leaseMs[level],
      mode: enforced ? 'enforce' : 'monitor',
      evidence: input.evidence,
    },
  ]
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
