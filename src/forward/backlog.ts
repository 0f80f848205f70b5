import Database from 'libsql'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notice (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    put_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS seen_by_seq ON seen (seq);
  CREATE TABLE IF NOT EXISTS destination (name TEXT PRIMARY KEY, passed INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS dead (
    destination TEXT NOT NULL,
    id TEXT NOT NULL,
    put_ms INTEGER NOT NULL,
    buried_ms INTEGER NOT NULL,
    why TEXT NOT NULL,
    body TEXT NOT NULL,
    due INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (destination, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS dead_due ON dead (destination) WHERE due = 1;
`

/** One notice more than fits goes along, so that one that is too large for itself is read too. */
const NEXT = `
  SELECT seq, id, put_ms AS putMs, body FROM (
    SELECT *, SUM(length(body)) OVER (ORDER BY seq) - length(body) AS before FROM (
      SELECT * FROM notice WHERE seq > (SELECT passed FROM destination WHERE name = ?) ORDER BY seq LIMIT ?
    )
  ) WHERE before < ? ORDER BY seq`

/** Ids remembered after their notice has gone: more than a crash can bring again (limits.maxUnstored is 50,000). */
const REMEMBERED = 200_000

/** A notice as it was put. */
export interface Entry {
  readonly id: string
  readonly body: string
}

export interface Waiting extends Entry {
  readonly seq: number
  /** when it was put, Unix milliseconds */
  readonly putMs: number
}

export interface DeadNotice {
  readonly id: string
  readonly buriedMs: number
  /** what the receiver said */
  readonly why: string
  readonly body: string
}

export interface Depth {
  /** notices that this destination has not looked at yet */
  readonly waiting: number
  /** when the oldest of them was put, Unix milliseconds */
  readonly oldestMs?: number
  readonly dead: number
}

/**
 * The durable queue of all destinations: one log of notices in SQLite, each once, and one mark per destination up to
 * where it has been. A destination that is down costs disk and nothing else; what all have passed is deleted.
 *
 * One process owns the file until it ends: a second one is refused when it opens it.
 */
export class Backlog {
  private readonly db: Database.Database
  private readonly wakes = new Set<() => void>()

  constructor(path: string) {
    this.db = new Database(path, { timeout: 1_000 })
    this.db.exec('PRAGMA locking_mode = EXCLUSIVE')
    this.db.exec('PRAGMA journal_mode = WAL')
    this.db.exec(SCHEMA)
  }

  /** Registers destinations; a new one begins with what is put from now on, one that is gone is forgotten. */
  open(names: readonly string[]): void {
    this.transaction(false, () => {
      const known = this.db.prepare('SELECT name FROM destination').all() as { readonly name: string }[]
      for (const { name } of known)
        if (!names.includes(name)) this.db.prepare('DELETE FROM destination WHERE name = ?').run(name)
      const insert = this.db.prepare('INSERT OR IGNORE INTO destination (name, passed) VALUES (?, ?)')
      for (const name of names) insert.run(name, this.lastSeq())
    })
  }

  /** Survives a power cut when it returns. What was put before is not put twice. Says how many were new. */
  put(entries: readonly Entry[], nowMs: number): number {
    if (entries.length === 0) return 0
    let added = 0
    this.transaction(true, () => {
      const see = this.db.prepare('INSERT OR IGNORE INTO seen (id, seq) VALUES (?, ?)')
      const insert = this.db.prepare('INSERT INTO notice (seq, id, put_ms, body) VALUES (?, ?, ?, ?)')
      let seq = this.lastSeq()
      for (const { id, body } of entries) {
        if (see.run(id, seq + 1).changes === 0) continue
        insert.run(++seq, id, nowMs, body)
        added++
      }
    })
    if (added > 0) for (const wake of this.wakes) wake()
    return added
  }

  /** The next notices of a destination, in the order in which they were put: at most `max`, about `maxBytes` together. */
  read(name: string, max: number, maxBytes: number): readonly Waiting[] {
    return this.db.prepare(NEXT).all(name, max, maxBytes) as Waiting[]
  }

  /** The destination has done with everything up to here. Survives a crash of this process. */
  pass(name: string, seq: number): void {
    this.transaction(false, () => {
      this.db.prepare('UPDATE destination SET passed = max(passed, ?) WHERE name = ?').run(seq, name)
      this.trim()
    })
  }

  /** Keeps what a receiver refused. Durable before the destination passes it. */
  bury(name: string, entry: Waiting, why: string, nowMs: number): void {
    this.transaction(true, () => {
      this.db
        .prepare(
          'INSERT OR REPLACE INTO dead (destination, id, put_ms, buried_ms, why, body) VALUES (?, ?, ?, ?, ?, ?)',
        )
        .run(name, entry.id, entry.putMs, nowMs, why, entry.body)
    })
  }

  dead(name: string, limit: number): readonly DeadNotice[] {
    return this.db
      .prepare(
        'SELECT id, buried_ms AS buriedMs, why, body FROM dead WHERE destination = ? ORDER BY buried_ms DESC, id LIMIT ?',
      )
      .all(name, limit) as DeadNotice[]
  }

  /** Makes dead notices due again: these, or all of the destination. Says how many. */
  revive(name: string, ids?: readonly string[]): number {
    let revived = 0
    this.transaction(true, () => {
      if (ids === undefined)
        revived = this.db.prepare('UPDATE dead SET due = 1 WHERE destination = ? AND due = 0').run(name).changes
      else {
        const update = this.db.prepare('UPDATE dead SET due = 1 WHERE destination = ? AND id = ? AND due = 0')
        for (const id of ids) revived += update.run(name, id).changes
      }
    })
    if (revived > 0) for (const wake of this.wakes) wake()
    return revived
  }

  /** Dead notices that are due again; their `seq` is 0, they have no place in the order any more. */
  revived(name: string, max: number): readonly Waiting[] {
    return this.db
      .prepare('SELECT 0 AS seq, id, put_ms AS putMs, body FROM dead WHERE destination = ? AND due = 1 LIMIT ?')
      .all(name, max) as Waiting[]
  }

  /** A revived notice was taken. */
  forget(name: string, id: string): void {
    this.transaction(false, () => {
      this.db.prepare('DELETE FROM dead WHERE destination = ? AND id = ?').run(name, id)
    })
  }

  /** Gives up what has waited, or lain dead, since before `beforeMs`. Says how many by destination. */
  expire(beforeMs: number): ReadonlyMap<string, number> {
    const lost = new Map<string, number>()
    this.transaction(false, () => {
      const { upTo } = this.db
        .prepare('SELECT COALESCE(MAX(seq), 0) AS upTo FROM notice WHERE put_ms < ?')
        .get(beforeMs) as {
        readonly upTo: number
      }
      const behind = this.db.prepare('SELECT name, passed FROM destination WHERE passed < ?').all(upTo)
      for (const { name, passed } of behind as { readonly name: string; readonly passed: number }[]) {
        const { count } = this.db
          .prepare('SELECT COUNT(*) AS count FROM notice WHERE seq > ? AND seq <= ?')
          .get(passed, upTo) as { readonly count: number }
        if (count > 0) lost.set(name, count)
        this.db.prepare('UPDATE destination SET passed = ? WHERE name = ?').run(upTo, name)
      }
      this.trim()
      this.db.prepare('DELETE FROM dead WHERE buried_ms < ?').run(beforeMs)
    })
    return lost
  }

  depth(name: string): Depth {
    const { passed } = (this.db.prepare('SELECT passed FROM destination WHERE name = ?').get(name) ?? {
      passed: this.lastSeq(),
    }) as { readonly passed: number }
    const oldest = this.db.prepare('SELECT put_ms AS putMs FROM notice WHERE seq > ? ORDER BY seq LIMIT 1').get(passed)
    const { dead } = this.db.prepare('SELECT COUNT(*) AS dead FROM dead WHERE destination = ?').get(name) as {
      readonly dead: number
    }
    return {
      // Sequence numbers have no gaps: those of what was put before are not used up.
      waiting: this.lastSeq() - passed,
      ...(oldest !== undefined && { oldestMs: (oldest as { readonly putMs: number }).putMs }),
      dead,
    }
  }

  /** Calls `wake` whenever something is put or revived, until the returned function is called. */
  onPut(wake: () => void): () => void {
    this.wakes.add(wake)
    return () => this.wakes.delete(wake)
  }

  close(): void {
    if (this.db.open) this.db.close()
  }

  private lastSeq(): number {
    const row = this.db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'notice'").get()
    return (row as { readonly seq: number } | undefined)?.seq ?? 0
  }

  /** What all destinations have passed is deleted; its id is remembered a while longer. */
  private trim(): void {
    const { least } = this.db.prepare('SELECT MIN(passed) AS least FROM destination').get() as { least: number | null }
    this.db.prepare('DELETE FROM notice WHERE seq <= ?').run(least ?? this.lastSeq())
    this.db
      .prepare('DELETE FROM seen WHERE seq <= ?')
      .run(Math.min(least ?? Number.MAX_SAFE_INTEGER, this.lastSeq()) - REMEMBERED)
  }

  /** In WAL mode NORMAL skips the sync of this commit; the next FULL one syncs the whole log, this part included. */
  private transaction(durable: boolean, change: () => void): void {
    this.db.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    this.db.exec('BEGIN IMMEDIATE')
    try {
      change()
      this.db.exec('COMMIT')
    } catch (error) {
      if (this.db.inTransaction) this.db.exec('ROLLBACK')
      throw error
    }
  }
}
