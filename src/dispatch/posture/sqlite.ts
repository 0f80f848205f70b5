import type { Lease, LeaseState } from '../../model/index.ts'
import type { DispatchDatabase } from '../database.ts'
import type { Change } from '../lease.ts'
import { advanced, furthest, isFinal } from '../lease.ts'
import type { Decision, Posture, PostureChange, PostureQuery } from '../posture.ts'
import type { Entry } from './lease-index.ts'
import { LeaseIndex, newsOf, tells } from './lease-index.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS lease (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    changed INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    ended INTEGER,
    expires_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS lease_by_end ON lease (expires_ms);
  CREATE INDEX IF NOT EXISTS lease_by_change ON lease (changed);
`

/** How long ended leases can still be looked up by id; the store keeps their history for longer. */
const HISTORY_MS = 7 * 24 * 3_600_000

interface Row {
  readonly body: string
  readonly changed: number
  readonly opened: number
  readonly ended: number | null
}

/** The embedded posture: durable in the outbox's database, answered from memory. One process owns the file. */
export class SqlitePosture implements Posture {
  private readonly db: DispatchDatabase
  private readonly index = new LeaseIndex()
  private readonly listeners = new Set<(change: PostureChange) => void>()
  private nextRevision: number

  constructor(db: DispatchDatabase, nowMs: number) {
    this.db = db
    db.sqlite.exec(SCHEMA)
    // The newest change stays whatever its age: revisions go on from it.
    db.sqlite
      .prepare(
        'DELETE FROM lease WHERE expires_ms < ? AND ended IS NOT NULL AND changed < (SELECT MAX(changed) FROM lease)',
      )
      .run(nowMs - HISTORY_MS)
    for (const row of db.sqlite.prepare('SELECT * FROM lease WHERE expires_ms > ? OR ended IS NULL').all(nowMs)) {
      this.index.set(entryOf(row as Row))
    }
    const highest = db.sqlite.prepare('SELECT MAX(changed) AS changed FROM lease').get() as { changed: number | null }
    this.index.revision = highest.changed ?? 0
    this.nextRevision = this.index.revision + 1
  }

  async open(lease: Lease): Promise<Lease> {
    const known = this.index.get(lease.order.id)
    if (known !== undefined) return known.lease
    return this.change(true, () => {
      const stored = this.read(lease.order.id)
      return stored === undefined ? this.put(undefined, lease) : { entry: stored, changed: false }
    })
  }

  async restore(lease: Lease): Promise<void> {
    await this.change(true, () => {
      const stored = this.read(lease.order.id)
      const wanted = stored === undefined ? lease : furthest(stored.lease, lease)
      return stored?.lease === wanted ? { entry: stored, changed: false } : this.put(stored, wanted)
    })
  }

  async advance(orderId: string, to: LeaseState, change: Change): Promise<Lease | undefined> {
    const known = this.index.get(orderId) ?? this.read(orderId)
    if (known === undefined) return undefined
    // What people decide must survive a power cut: what gateways answered is asked again by the job that asked before.
    return this.change(isFinal(to) || to === 'requested' || to === 'renewed', () => {
      const before = this.read(orderId) ?? known
      const lease = advanced(before.lease, to, change)
      return lease === before.lease ? { entry: before, changed: false } : this.put(before, lease)
    })
  }

  async get(orderId: string): Promise<Lease | undefined> {
    return (this.index.get(orderId) ?? this.read(orderId))?.lease
  }

  covering(query: PostureQuery): readonly Lease[] {
    return this.index.covering(query)
  }

  recall(orderId: string): Lease | undefined {
    return this.index.get(orderId)?.lease
  }

  awaiting(): readonly Lease[] {
    return this.index.awaiting()
  }

  async decide(query: PostureQuery, nowMs: number): Promise<Decision> {
    return this.index.decide(query, nowMs)
  }

  async active(tenant: string, nowMs: number): Promise<readonly Lease[]> {
    return this.index.active(tenant, nowMs)
  }

  async due(nowMs: number): Promise<readonly Lease[]> {
    this.index.prune(nowMs)
    return this.index.due(nowMs)
  }

  async revision(): Promise<number> {
    return this.index.revision
  }

  async changes(since: number, nowMs: number): Promise<readonly PostureChange[] | undefined> {
    return this.index.changes(since, nowMs)
  }

  subscribe(listener: (change: PostureChange) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.listeners.clear()
  }

  /** Inside a transaction. */
  private put(before: Entry | undefined, lease: Lease): { entry: Entry; changed: boolean } {
    const changed = this.nextRevision++
    const told = tells(before, lease)
    const opened = told === 'apply' ? changed : (before?.opened ?? 0)
    const ended = told === 'end' ? changed : before?.ended
    const { id, expiresMs } = lease.order
    this.db.sqlite
      .prepare('INSERT OR REPLACE INTO lease (id, body, changed, opened, ended, expires_ms) VALUES (?, ?, ?, ?, ?, ?)')
      .run(id, JSON.stringify(lease), changed, opened, ended ?? null, expiresMs)
    return { entry: { lease, changed, opened, ended }, changed: true }
  }

  /** Memory follows the commit, never precedes it: what was answered from memory survives a crash. */
  private async change(durable: boolean, make: () => { entry: Entry; changed: boolean }): Promise<Lease> {
    const { entry, changed } = await this.db.write(make, durable)
    const before = this.index.get(entry.lease.order.id)
    if (!changed || !this.index.set(entry)) return entry.lease
    const told = newsOf(before, entry)
    if (told !== undefined) for (const listener of this.listeners) listener(told)
    return entry.lease
  }

  private read(orderId: string): Entry | undefined {
    const row = this.db.sqlite.prepare('SELECT body, changed, opened, ended FROM lease WHERE id = ?').get(orderId)
    return row === undefined ? undefined : entryOf(row as Row)
  }
}

function entryOf(row: Row): Entry {
  return {
    lease: JSON.parse(row.body) as Lease,
    changed: row.changed,
    opened: row.opened,
    ended: row.ended ?? undefined,
  }
}
