import { type Approval, isOpen } from '../approval.ts'
import type { ApprovalBook } from '../approval-book.ts'
import type { DispatchDatabase } from '../database.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS approval (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    situation TEXT NOT NULL,
    open INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS approval_by_situation ON approval (situation, number);
  CREATE INDEX IF NOT EXISTS approval_by_tenant ON approval (tenant, number);
  CREATE INDEX IF NOT EXISTS approval_by_end ON approval (open, expires_ms);
`

const LISTED = 10_000

interface Row {
  readonly body: string
}

/** The embedded book: a table of the dispatch database. */
export class SqliteApprovals implements ApprovalBook {
  private readonly db: DispatchDatabase

  constructor(db: DispatchDatabase) {
    this.db = db
    db.sqlite.exec(SCHEMA)
  }

  put(approval: Approval): Promise<Approval> {
    return this.db.write(() => {
      const known = this.read(approval.id)
      if (known !== undefined) return known
      const { id, tenant, situation, expiresMs } = approval
      this.db.sqlite
        .prepare('INSERT INTO approval (id, tenant, situation, open, expires_ms, body) VALUES (?, ?, ?, ?, ?, ?)')
        .run(id, tenant, situation, isOpen(approval) ? 1 : 0, expiresMs, JSON.stringify(approval))
      return approval
    }, true)
  }

  async get(id: string): Promise<Approval | undefined> {
    return this.read(id)
  }

  async current(situation: string): Promise<Approval | undefined> {
    return approvalOf(
      this.db.sqlite
        .prepare('SELECT body FROM approval WHERE situation = ? ORDER BY number DESC LIMIT 1')
        .get(situation) as Row | undefined,
    )
  }

  change(id: string, change: (approval: Approval) => Approval): Promise<Approval | undefined> {
    return this.db.write(() => {
      const known = this.read(id)
      if (known === undefined) return undefined
      const changed = change(known)
      if (changed === known) return known
      this.db.sqlite
        .prepare('UPDATE approval SET open = ?, expires_ms = ?, body = ? WHERE id = ?')
        .run(isOpen(changed) ? 1 : 0, changed.expiresMs, JSON.stringify(changed), id)
      return changed
    }, true)
  }

  async list(tenant: string): Promise<readonly Approval[]> {
    return this.all('SELECT body FROM approval WHERE tenant = ? ORDER BY number DESC LIMIT ?', tenant, LISTED)
  }

  async due(nowMs: number): Promise<readonly Approval[]> {
    return this.all('SELECT body FROM approval WHERE open = 1 AND expires_ms <= ?', nowMs)
  }

  async forget(beforeMs: number): Promise<void> {
    await this.db.write(
      () => this.db.sqlite.prepare('DELETE FROM approval WHERE open = 0 AND expires_ms < ?').run(beforeMs),
      false,
    )
  }

  private all(sql: string, ...args: readonly (string | number)[]): readonly Approval[] {
    return (this.db.sqlite.prepare(sql).all(...args) as Row[]).flatMap((row) => approvalOf(row) ?? [])
  }

  private read(id: string): Approval | undefined {
    return approvalOf(this.db.sqlite.prepare('SELECT body FROM approval WHERE id = ?').get(id) as Row | undefined)
  }
}

function approvalOf(row: Row | undefined): Approval | undefined {
  return row === undefined ? undefined : (JSON.parse(row.body) as Approval)
}
