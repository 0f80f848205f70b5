import type { AgentHour, Finding, Judged, LeaseChange, Rejected, RestoredEvent, SessionKey } from '../model/index.ts'

/** Which stored events of a session or agent a restore may read: those before the event at hand entered. */
export interface RestoreBound<Key extends string = SessionKey> {
  readonly key: Key
  /** of its first event in the batch */
  readonly origin: string
  readonly position: number
  readonly timeMs: number
}

export type StoreFailure = 'unavailable' | 'full' | 'refused'

/** Typed failure of the store; `unavailable` and `full` are worth retrying, `refused` is a defect of ours. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreFailure
  constructor(code: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface QueryParameters {
  readonly [name: string]: string | number | boolean | readonly string[] | readonly number[]
}

export interface HuntLimits {
  readonly maxMs: number
  readonly maxMemoryBytes: number
  /** what is beyond it is left out; a little more may come, since the engine stops between two blocks */
  readonly maxRows: number
  readonly maxResultBytes: number
}

/** SQL of an analyst. */
export interface HuntRequest {
  readonly tenant: string
  readonly sql: string
  readonly parameters: QueryParameters
  readonly format: 'JSONCompact' | 'CSVWithNames' | 'Parquet'
  /** absent: those of HUNT_LIMITS */
  readonly limits?: Partial<HuntLimits>
}

/**
 * Events with their scores, dead letters, containment history, baselines: what analysts query and what sessions are
 * restored from. One writer; reads never hold an insert up. Called by the pipeline once per batch.
 */
export interface Store {
  /** Brings the schema to the newest version. Safe to call by several processes at once and twice. */
  migrate(): Promise<void>
  /**
   * Durable when it resolves. The same rows may be written again, cut into other batches: readers of the documented
   * views see each event (source, id) once. Rejects with StoreError.
   */
  write(judged: readonly Judged[], rejected: readonly Rejected[]): Promise<void>
  /** Findings that no event raised, such as a containment that is not in effect; the same revision again changes nothing. */
  writeFindings(findings: readonly Finding[]): Promise<void>
  writeLeaseChanges(changes: readonly LeaseChange[]): Promise<void>
  /** One query: stored events of these sessions within `idleMs` before each bound, in the order in which they were judged. */
  history(bounds: readonly RestoreBound[], idleMs: number): Promise<ReadonlyMap<SessionKey, readonly RestoredEvent[]>>
  /** One query: by agent (key of agentKey), what it had done in the hour of its bound, or in a later one. */
  agentHours(bounds: readonly RestoreBound<string>[]): Promise<ReadonlyMap<string, AgentHour>>
  /**
   * Sessions with a stored event whose time is at or after `sinceMs`: what a process that starts may have to restore.
   * Rejects with StoreError; resolves with undefined when there are more than `limit`.
   */
  recentSessions(sinceMs: number, limit: number): Promise<ReadonlySet<SessionKey> | undefined>
  /** Read-only SQL with server-side parameters ({name:Type}); rows as objects. For our own queries, not for strangers'. */
  query<Row>(sql: string, parameters?: QueryParameters): Promise<readonly Row[]>
  /** A stranger's SQL, read-only, within limits and within one tenant. Rejects with HuntRefused, HuntFailed or StoreError. */
  hunt(request: HuntRequest): Promise<Uint8Array>
  /** A write of the learn job: INSERT ... SELECT, ALTER ... DELETE of a day it computes again. */
  command(sql: string, parameters?: QueryParameters): Promise<void>
  insert(table: string, rows: readonly Readonly<Record<string, unknown>>[]): Promise<void>
  ping(): Promise<void>
  close(): Promise<void>
}
