import type { BaselinePassport, Disposition, DispositionKind, Finding, LeaseState, Level } from '../model/index.ts'
import { readSql } from './sql-file.ts'
import type { Store } from './store.ts'

/** A finding as it stands: the worst of its revisions, its containment and what an analyst said of it. */
export interface StoredFinding extends Finding {
  readonly status: 'open' | 'closed'
  /** how often people were told of it */
  readonly revisions: number
  /** ids of the events that people were told of */
  readonly events: readonly string[]
}

/** Which findings; what is absent is not asked for. */
export interface FindingsWanted {
  readonly tenant: string
  readonly id?: string
  readonly status?: 'open' | 'closed'
  readonly severity?: string
  readonly role?: string
  readonly agent?: string
  readonly session?: string
  readonly cause?: string
  readonly limit: number
}

const QUERY = readSql('findings')

/** The newest first. Rejects with StoreError. */
export async function readFindings(
  store: Pick<Store, 'query'>,
  wanted: FindingsWanted,
): Promise<readonly StoredFinding[]> {
  return (await store.query<Row>(QUERY, { ...ANY, ...wanted })).map(findingOf)
}

const ANY = { id: '', status: '', severity: '', role: '', agent: '', session: '', cause: '' }

interface Row
  extends Pick<
    Finding,
    'tenant' | 'agent' | 'role' | 'session' | 'cause' | 'title' | 'severity' | 'risk' | 'score' | 'count' | 'signals'
  > {
  readonly id: string
  readonly status: 'open' | 'closed'
  readonly time_ms: number
  readonly event_ms: number
  readonly updated_ms: number
  readonly revisions: number
  readonly reasons: string
  readonly tags: readonly string[]
  readonly runbook: readonly string[]
  readonly baseline: string
  readonly passport: string
  readonly rule_set: string
  readonly source: string
  readonly event_id: string
  readonly call_id: string
  readonly server: string
  readonly tool: string
  readonly latest_source: string
  readonly latest_event: string
  readonly latest_call: string
  readonly events: readonly string[]
  readonly containment_id: string
  readonly containment_level: Level
  readonly containment_state: LeaseState | ''
  readonly disposition: DispositionKind | ''
  readonly disposed_by: string
  readonly disposed_reason: string
  readonly disposed_ms: number
  readonly duplicate_of: string
}

/** JSON of ours, written as it is read here. */
function findingOf(row: Row): StoredFinding {
  const { tenant, agent, role, session, cause, title, severity, risk, score, count, signals, tags, runbook } = row
  return {
    id: row.id,
    status: row.status,
    activity: activityOf(row),
    tenant,
    agent,
    role,
    session,
    cause,
    title,
    severity,
    risk,
    score,
    count,
    signals,
    tags,
    runbook,
    reasons: JSON.parse(row.reasons) as Finding['reasons'],
    baseline: row.baseline,
    ...(row.passport !== '' && { passport: JSON.parse(row.passport) as BaselinePassport }),
    ...(row.rule_set !== '' && { ruleSet: row.rule_set }),
    eventSource: row.source,
    eventId: row.event_id,
    callId: row.call_id,
    server: row.server,
    ...(row.tool !== '' && { tool: row.tool }),
    atMs: row.event_ms,
    openedMs: row.time_ms,
    latest: { source: row.latest_source, id: row.latest_event, callId: row.latest_call, atMs: row.updated_ms },
    ...(row.containment_state !== '' && {
      containment: { id: row.containment_id, level: row.containment_level, state: row.containment_state },
    }),
    ...(row.disposition !== '' && { disposition: dispositionOf(row, row.disposition) }),
    revisions: row.revisions,
    events: row.events,
  }
}

function dispositionOf(row: Row, kind: DispositionKind): Disposition {
  return {
    kind,
    by: row.disposed_by,
    reason: row.disposed_reason,
    atMs: row.disposed_ms,
    ...(row.duplicate_of !== '' && { duplicateOf: row.duplicate_of }),
  }
}

function activityOf({ status, revisions, containment_state }: Row): Finding['activity'] {
  if (status === 'closed') return 'closed'
  return revisions > 1 || containment_state !== '' ? 'updated' : 'created'
}
