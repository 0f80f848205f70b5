import type { Posture } from '../../dispatch/posture.ts'
import type { Lease, LeaseState, Level, Severity, TargetKind } from '../../model/index.ts'
import type { Store } from '../../store/store.ts'

/** Unexpired ones at most; more than that were never in force at once. */
const MAX_LEASES = 100_000

const UNEXPIRED = `SELECT tenant, containment_id, revision, state, level, target_kind, target_id, target_agent, cause, reason,
  severity, score, finding_id, rules, mode, source, event_id, call_id, released_by, detail,
  toUnixTimestamp64Milli(issued) AS issued_ms, toUnixTimestamp64Milli(expires) AS expires_ms,
  toUnixTimestamp64Milli(event_received) AS received_ms, toUnixTimestamp64Milli(containments.time) AS updated_ms,
  if(isNull(applied), 0, toUnixTimestamp64Milli(assumeNotNull(applied))) AS applied_ms
FROM containments WHERE expires > fromUnixTimestamp64Milli({nowMs:Int64}) LIMIT {limit:UInt32}`

interface Row {
  readonly tenant: string
  readonly containment_id: string
  readonly revision: number
  readonly state: LeaseState
  readonly level: Level
  readonly target_kind: TargetKind
  readonly target_id: string
  readonly target_agent: string
  readonly cause: string
  readonly reason: string
  readonly severity: Severity
  readonly score: number
  readonly finding_id: string
  readonly rules: readonly string[]
  readonly mode: 'enforce' | 'monitor'
  readonly source: string
  readonly event_id: string
  readonly call_id: string
  readonly released_by: string
  readonly detail: string
  readonly issued_ms: number
  readonly expires_ms: number
  readonly received_ms: number
  readonly updated_ms: number
  readonly applied_ms: number
}

/**
 * Fills a posture that remembers nothing, because its Redis lost its data while no process was there to remember, from
 * the history of containments: what is in force, and what was released, so that nothing that was freed comes back.
 * Returns how many.
 */
export async function restoreLeases(store: Pick<Store, 'query'>, posture: Posture, nowMs: number): Promise<number> {
  if ((await posture.revision()) > 0) return 0
  const rows = await store.query<Row>(UNEXPIRED, { nowMs, limit: MAX_LEASES })
  for (const row of rows) await posture.restore(leaseOfRow(row))
  return rows.length
}

function leaseOfRow(row: Row): Lease {
  const { state, issued_ms: issuedMs } = row
  const isTold = state !== 'planned' && state !== 'awaiting_approval'
  return {
    revision: Number(row.revision),
    state,
    updatedMs: Number(row.updated_ms),
    ...(isTold && { requestedMs: Number(issuedMs) }),
    ...(Number(row.applied_ms) > 0 && { appliedMs: Number(row.applied_ms) }),
    ...(row.released_by !== '' && { releasedBy: row.released_by }),
    ...(row.detail !== '' && { detail: row.detail }),
    order: {
      id: row.containment_id,
      tenant: row.tenant,
      level: row.level,
      target: {
        kind: row.target_kind,
        id: row.target_id,
        ...(row.target_agent !== '' && { agent: row.target_agent }),
      },
      cause: row.cause,
      reason: row.reason,
      severity: row.severity,
      score: row.score,
      findingId: row.finding_id,
      rules: row.rules,
      issuedMs: Number(issuedMs),
      expiresMs: Number(row.expires_ms),
      mode: row.mode,
      ...(state === 'awaiting_approval' && { approval: 'it awaited approval when Redis lost its data' }),
      evidence: { source: row.source, id: row.event_id, callId: row.call_id, receivedMs: Number(row.received_ms) },
    },
  }
}
