import { createHash } from 'node:crypto'
import type { OverBudget } from '../../dispatch/blast-radius.ts'
import type { DispatchObserver, NotContained } from '../../dispatch/observer.ts'
import type { Store } from '../../store/store.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Log } from '../log.ts'
import type { FailureSink, Metrics } from '../metrics.ts'
import { recordApproval, recordLease } from './audit.ts'
import type { RuleBookObserver } from './rules.ts'

/** Logs the first failure of a row and then each power of two, so that an outage of an hour is a page, not a book. */
export function logFailures(log: Log): FailureSink {
  return (effect, err, attempt) => {
    if ((attempt & (attempt - 1)) !== 0) return
    log.warn({ err, attempt }, `${effect} failed; it is tried again until it succeeds`)
  }
}

/** What becomes of rule files, as logs. */
export function logRules(log: Log): RuleBookObserver {
  return {
    swapped(generation, rules, failed, warnings) {
      for (const { file, line, message } of warnings) log.warn({ file, line }, `rule: ${message}`)
      for (const { file, line, message } of failed) log.error({ file, line }, `a rule does not run: ${message}`)
      log.info({ generation, rules, failed: failed.length }, 'rules in force')
    },
    kept(generation, failed) {
      for (const { file, line, message } of failed) log.error({ file, line }, `a rule does not load: ${message}`)
      log.error({ generation }, 'the changed rules do not load; those before them stay in force')
    },
  }
}

export interface DispatchWitness {
  readonly log: Log
  readonly metrics: Metrics
  readonly store: Pick<Store, 'insert'>
  readonly now: () => number
  readonly audit: AuditLog
}

/** What happens to orders, as logs, metrics and, where a containment is not what people believe, findings. */
export function witnessDispatch({ log, metrics, store, now, audit }: DispatchWitness): DispatchObserver {
  const insertFinding = (row: Readonly<Record<string, unknown>>, about: string): void => {
    store.insert('finding_rows', [row]).catch((err: unknown) => {
      log.error({ err, about }, 'the finding about it could not be stored')
    })
  }
  return {
    changed: (change) => recordLease(audit, change),
    opened(order) {
      const { id, tenant, level, target, cause, reason, mode } = order
      const said = mode === 'enforce' ? 'containment ordered' : 'containment planned, not enforced'
      log.info({ id, tenant, action: level, target: `${target.kind} ${target.id}`, cause, reason }, said)
    },
    attempted(job, delivery, tookMs) {
      metrics.delivered(job.gateway, delivery.kind === 'acknowledged' ? delivery.status : delivery.kind, tookMs)
      if (delivery.kind === 'acknowledged') return
      const { gateway, attempt, change } = job
      log.warn({ id: job.order.id, gateway, change, attempt, kind: delivery.kind, why: delivery.why }, 'not delivered')
    },
    acknowledged(lease, gateway, latencyMs) {
      metrics.contained(gateway, latencyMs)
      log.info({ id: lease.order.id, gateway, latencyMs }, 'containment acknowledged')
    },
    ended(lease) {
      log.info({ id: lease.order.id, state: lease.state, by: lease.releasedBy }, 'containment ended')
    },
    notContained(failure) {
      metrics.notContained(failure.kind)
      const { lease, gateway, kind, why } = failure
      log.error({ id: lease.order.id, gateway, kind, why }, 'NOT CONTAINED')
      insertFinding(notContainedRow(failure, now()), lease.order.id)
    },
    overBudget(over) {
      const { tenant, kind, contained, live, allowed } = over
      log.error(
        { tenant, kind, contained, live, allowed },
        'automatic containment is over its budget; it awaits approval',
      )
      insertFinding(overBudgetRow(over), tenant)
    },
    approval(approval) {
      recordApproval(audit, approval)
      const { id, tenant, kind, state, containmentId, votes } = approval
      log.info({ id, tenant, kind, state, containment: containmentId, votes }, 'approval')
    },
    historyDropped: (changes) =>
      log.error({ changes }, 'history of containments lost: the store was away for too long'),
    failed: (doing, err) => log.warn({ err }, `${doing} failed; it is tried again`),
  }
}

/** One per tenant, kind and hour, whichever process tells it. */
function overBudgetRow({ tenant, kind, contained, allowed, live, atMs }: OverBudget): Record<string, unknown> {
  const identity = `blast-radius\u001f${tenant}\u001f${kind}\u001f${new Date(atMs).toISOString().slice(0, 13)}`
  return {
    tenant,
    finding_id: createHash('sha256').update(identity).digest('hex').slice(0, 32),
    time: new Date(atMs).toISOString(),
    cause: 'blast-radius',
    title: `Automatic containment of ${kind} is over its budget and awaits approval`,
    severity: 'high',
    reasons: JSON.stringify([
      {
        what: `${kind} contained within an hour`,
        observed: `${contained} of ${live} live`,
        expected: `at most ${allowed}`,
      },
    ]),
    signals: [],
    tags: [],
  }
}

/** The same failure of the same containment is the same finding, however often it is told. */
function notContainedRow({ lease, gateway, kind, why }: NotContained, nowMs: number): Record<string, unknown> {
  const { order } = lease
  const identity = `${order.id}\u001f${gateway ?? ''}\u001f${kind}`
  return {
    tenant: order.tenant,
    finding_id: createHash('sha256').update(identity).digest('hex').slice(0, 32),
    time: new Date(nowMs).toISOString(),
    agent_id: order.target.agent ?? (order.target.kind === 'agent' ? order.target.id : ''),
    session_id: order.target.kind === 'session' ? order.target.id : '',
    cause: 'not-contained',
    title: `Containment is not in effect${gateway === undefined ? '' : ` at ${gateway}`}`,
    severity: 'critical',
    risk: order.score,
    reasons: JSON.stringify([
      {
        what: `${order.level} of ${order.target.kind}`,
        observed: why,
        expected: kind === 'ineffective' ? 'calls are refused' : 'acknowledged',
      },
    ]),
    signals: [],
    tags: [],
    source: order.evidence.source,
    event_id: order.evidence.id,
    call_id: order.evidence.callId,
  }
}
