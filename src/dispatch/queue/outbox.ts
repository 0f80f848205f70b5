import type { Order } from '../../model/index.ts'
import type { Clock } from '../clock.ts'
import type { DispatchDatabase } from '../database.ts'
import { jobKey } from '../job-key.ts'
import type { DispatchJob, Handled, OrderQueue } from '../queue.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS job (
    key TEXT PRIMARY KEY,
    gateway TEXT NOT NULL,
    revision INTEGER NOT NULL,
    change TEXT NOT NULL,
    body TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    forget_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS job_by_due ON job (gateway, due_ms) WHERE done = 0;
  CREATE INDEX IF NOT EXISTS job_by_time ON job (due_ms) WHERE done = 0;
  CREATE INDEX IF NOT EXISTS job_by_end ON job (forget_ms) WHERE done = 1;
`

/** A handler that throws met a defect or a missing part, not a slow gateway. */
const THROWN_RETRY_MS = 1_000
/** A done job is remembered for this long after its lease: events that late cannot come again. */
const REMEMBER_MS = 48 * 3_600_000

export interface OutboxOptions {
  /** jobs of one gateway at a time: one that hangs holds up nobody else's */
  readonly concurrencyPerGateway: number
  /** told about handlers that threw; must not throw */
  readonly onError: (error: unknown, job: DispatchJob) => void
}

interface Row {
  readonly key: string
  readonly gateway: string
  readonly revision: number
  readonly change: DispatchJob['change']
  readonly body: string
  readonly attempt: number
}

interface Taken {
  readonly key: string
  readonly job: DispatchJob
}

/**
 * The embedded queue: a table in the dispatch database, in one process. A job is taken in memory only, so that a crash
 * gives it back by itself; what is written is that it was put (durably), that it is due later, and that it is done.
 */
export class Outbox implements OrderQueue {
  private readonly db: DispatchDatabase
  private readonly clock: Clock
  private readonly options: OutboxOptions
  private readonly gateways = new Set<string>()
  private readonly active = new Map<string, string>()
  private readonly wakes = new Set<() => void>()

  constructor(db: DispatchDatabase, clock: Clock, options: OutboxOptions) {
    this.db = db
    this.clock = clock
    this.options = options
    db.sqlite.exec(SCHEMA)
    db.sqlite.prepare('DELETE FROM job WHERE done = 1 AND forget_ms < ?').run(clock.now())
    for (const row of db.sqlite.prepare('SELECT DISTINCT gateway FROM job WHERE done = 0').all()) {
      this.gateways.add((row as { gateway: string }).gateway)
    }
  }

  async put(jobs: readonly Omit<DispatchJob, 'attempt'>[]): Promise<void> {
    if (jobs.length === 0) return
    const nowMs = this.clock.now()
    await this.db.write(() => {
      const insert = this.db.sqlite.prepare(
        'INSERT OR IGNORE INTO job (key, gateway, revision, change, body, due_ms, forget_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      for (const job of jobs) {
        const { order, gateway, revision, change } = job
        const forgetMs = Math.max(order.expiresMs, nowMs) + REMEMBER_MS
        insert.run(jobKey(job), gateway, revision, change, JSON.stringify(order), nowMs, forgetMs)
      }
    }, true)
    for (const { gateway } of jobs) this.gateways.add(gateway)
    this.wake()
  }

  async work(handler: (job: DispatchJob) => Promise<Handled>, signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>()
    while (!signal.aborted) {
      const woken = this.nextWake(signal)
      for (const taken of this.take()) {
        const run = this.handle(taken, handler).finally(() => {
          running.delete(run)
          this.wake()
        })
        running.add(run)
      }
      await woken
    }
    await Promise.all(running)
  }

  async depth(): Promise<{ readonly waiting: number; readonly delayed: number }> {
    const row = this.db.sqlite
      .prepare('SELECT COUNT(*) AS open, COALESCE(SUM(due_ms > ?), 0) AS delayed FROM job WHERE done = 0')
      .get(this.clock.now()) as { open: number; delayed: number }
    return { waiting: row.open - row.delayed, delayed: row.delayed }
  }

  async close(): Promise<void> {
    this.wake()
  }

  private take(): readonly Taken[] {
    const taken: Taken[] = []
    const nowMs = this.clock.now()
    for (const gateway of this.gateways) {
      let busy = 0
      for (const name of this.active.values()) if (name === gateway) busy++
      const free = this.options.concurrencyPerGateway - busy
      if (free <= 0) continue
      // Taken jobs are still due in the table, so as many more are read as are taken.
      const rows = this.db.sqlite
        .prepare(
          'SELECT key, gateway, revision, change, body, attempt FROM job WHERE gateway = ? AND done = 0 AND due_ms <= ? ORDER BY due_ms LIMIT ?',
        )
        .all(gateway, nowMs, free + busy) as Row[]
      for (const row of rows.filter(({ key }) => !this.active.has(key)).slice(0, free)) {
        this.active.set(row.key, gateway)
        taken.push({ key: row.key, job: jobOf(row) })
      }
    }
    return taken
  }

  private async handle(taken: Taken, handler: (job: DispatchJob) => Promise<Handled>): Promise<void> {
    const { key, job } = taken
    let handled: Handled
    try {
      handled = await handler(job)
    } catch (error) {
      this.options.onError(error, job)
      handled = { kind: 'again', afterMs: THROWN_RETRY_MS, why: 'the handler threw' }
    }
    try {
      await this.settle(key, job.attempt, handled)
    } catch (error) {
      // Not settled means handled again after a while, which every handler must bear.
      this.options.onError(error, job)
      await new Promise<void>((resolve) => this.clock.after(THROWN_RETRY_MS, resolve))
    }
    this.active.delete(key)
  }

  private settle(key: string, attempt: number, handled: Handled): Promise<unknown> {
    return this.db.write(() => {
      if (handled.kind === 'done') {
        this.db.sqlite.prepare('UPDATE job SET done = 1, body = NULL WHERE key = ?').run(key)
      } else {
        this.db.sqlite
          .prepare('UPDATE job SET attempt = ?, due_ms = ? WHERE key = ?')
          .run(attempt + 1, this.clock.now() + handled.afterMs, key)
      }
    }, false)
  }

  private wake(): void {
    for (const wake of this.wakes) wake()
  }

  /** Resolves at the next put, finished job, due time or abort: armed before the table is read, so none is missed. */
  private nextWake(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve) => {
      const nowMs = this.clock.now()
      const row = this.db.sqlite
        .prepare('SELECT MIN(due_ms) AS due FROM job WHERE done = 0 AND due_ms > ?')
        .get(nowMs) as { due: number | null }
      const cancel = row.due === null ? undefined : this.clock.after(row.due - nowMs, () => done())
      const done = () => {
        cancel?.()
        this.wakes.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.wakes.add(done)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}

function jobOf(row: Row): DispatchJob {
  return {
    order: JSON.parse(row.body) as Order,
    change: row.change,
    revision: row.revision,
    gateway: row.gateway,
    attempt: row.attempt,
  }
}
