import type { Approval } from '../../dispatch/approval.ts'
import type { LeaseChange } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'
import type { Action } from '../../web/server.ts'
import { auditFolder } from '../audit/files.ts'
import { AuditLog } from '../audit/log.ts'
import type { Settings } from '../config.ts'
import type { Log } from '../log.ts'

/** The audit record of this process: one chain per port, because one process listens there. */
export function openAudit({ config }: Settings, log: Log): AuditLog {
  return new AuditLog({
    folder: auditFolder(config.data),
    chain: `belay-${config.listen.port}`,
    now: Date.now,
    checkpointed: (checkpoint) => log.info({ checkpoint }, 'audit checkpoint'),
  })
}

/** Every step of every containment: who ordered, answered or ended it, and why. */
export function recordLease(audit: AuditLog, { lease, gateway }: LeaseChange): void {
  const { order, state, revision, releasedBy, detail } = lease
  const by = order.cause === 'operator' && revision === 1 ? order.evidence.id : order.cause
  audit.add({
    tenant: order.tenant,
    kind: 'containment',
    actor: releasedBy ?? gateway ?? by,
    subject: order.id,
    detail: {
      state,
      revision,
      level: order.level,
      target: order.target,
      mode: order.mode,
      reason: order.reason,
      detail,
    },
  })
}

/** Every question to people and every answer. */
export function recordApproval(audit: AuditLog, approval: Approval): void {
  const { id, tenant, kind, state, containmentId, votes, call, usedByCallId } = approval
  audit.add({
    tenant,
    kind: 'approval',
    actor: votes.at(-1)?.by ?? call?.caller ?? 'belay',
    subject: id,
    detail: { kind, state, containment: containmentId, votes, call, used_by: usedByCallId },
  })
}

/** What a person did over the API, and what it was answered. */
export function recordAction(audit: AuditLog, { principal, method, path, status }: Action): void {
  audit.add({
    tenant: principal.tenant,
    kind: 'request',
    actor: principal.name,
    subject: path,
    detail: { method, status },
  })
}

/** A copy for analysts; what could not be written is tried again at the next turn. */
export function exportAudit(audit: AuditLog, store: Pick<Store, 'insert'>): Promise<void> {
  return audit.export((records) =>
    store.insert(
      'audit_rows',
      records.map(({ at, detail, prev: _prev, ...record }) => ({
        ...record,
        chain: audit.chain,
        time: at,
        detail: JSON.stringify(detail),
      })),
    ),
  )
}
