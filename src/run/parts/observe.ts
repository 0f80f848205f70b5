import type { DispatchObserver } from '../../dispatch/observer.ts'
import type { Finding } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Log } from '../log.ts'
import type { FailureSink, Metrics } from '../metrics.ts'
import { recordApproval, recordLease } from './audit.ts'
import { notContainedFinding, overBudgetFinding } from './dispatch-findings.ts'
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
  readonly store: Pick<Store, 'writeFindings'>
  readonly now: () => number
  readonly audit: AuditLog
  /** tells SIEMs; absent where nothing is forwarded */
  readonly forward?: (findings: readonly Finding[]) => Promise<void>
}

/** What happens to orders, as logs, metrics and, where a containment is not what people believe, findings. */
export function witnessDispatch({ log, metrics, store, now, audit, forward }: DispatchWitness): DispatchObserver {
  const tell = (finding: Finding): void => {
    store.writeFindings([finding]).catch((err: unknown) => {
      log.error({ err, finding: finding.id }, 'a finding about a containment could not be stored')
    })
    forward?.([finding]).catch((err: unknown) => {
      log.error({ err, finding: finding.id }, 'a finding about a containment could not be forwarded')
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
      tell(notContainedFinding(failure, now()))
    },
    overBudget(over) {
      const { tenant, kind, contained, live, allowed } = over
      log.error(
        { tenant, kind, contained, live, allowed },
        'automatic containment is over its budget; it awaits approval',
      )
      tell(overBudgetFinding(over))
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
