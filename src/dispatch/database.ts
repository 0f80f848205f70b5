import Database from 'libsql'

interface Write {
  readonly run: () => void
  readonly durable: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * The embedded database of this room: one SQLite file that holds the outbox and the posture, written by one process
 * (nothing here keeps a second one out: in an embedded deployment chDB, on the same data folder, does).
 * Writes of one turn of the event loop share one transaction, because a commit costs an fsync and a row does not.
 */
export class DispatchDatabase {
  readonly sqlite: Database.Database
  private waiting: Write[] = []
  private scheduled = false

  constructor(path: string) {
    this.sqlite = new Database(path, { timeout: 5_000 })
    this.sqlite.exec('PRAGMA journal_mode = WAL')
    this.sqlite.exec('PRAGMA synchronous = FULL')
    // Checkpoints sync the main file as well; fewer of them, the log stays below about 16 MB.
    this.sqlite.exec('PRAGMA wal_autocheckpoint = 4000')
  }

  /**
   * Runs `change` inside the next transaction. With `durable` the promise resolves when the change survives a power
   * cut; without, when it survives a crash of this process, which is enough for what repeats harmlessly. `change` must
   * be synchronous; when it throws, the whole group is rolled back and each write of it is tried alone.
   */
  write<T>(change: () => T, durable: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T
      this.waiting.push({
        run: () => {
          result = change()
        },
        durable,
        resolve: () => resolve(result),
        reject,
      })
      if (!this.scheduled) {
        this.scheduled = true
        setImmediate(() => this.flush())
      }
    })
  }

  /** Commits what waits, then closes the file. Safe to call twice. */
  close(): void {
    this.flush()
    if (this.sqlite.open) this.sqlite.close()
  }

  private flush(): void {
    this.scheduled = false
    const group = this.waiting
    this.waiting = []
    if (group.length === 0) return
    try {
      this.commit(group)
    } catch (error) {
      const [only] = group
      if (group.length === 1 && only !== undefined) only.reject(error)
      else for (const write of group) this.commitAlone(write)
      return
    }
    for (const write of group) write.resolve()
  }

  private commitAlone(write: Write): void {
    try {
      this.commit([write])
    } catch (error) {
      write.reject(error)
      return
    }
    write.resolve()
  }

  private commit(group: readonly Write[]): void {
    // In WAL mode NORMAL skips the fsync of this commit; the next FULL one syncs the whole log, this part included.
    this.sqlite.exec(`PRAGMA synchronous = ${group.some((write) => write.durable) ? 'FULL' : 'NORMAL'}`)
    this.sqlite.exec('BEGIN IMMEDIATE')
    try {
      for (const write of group) write.run()
      this.sqlite.exec('COMMIT')
    } catch (error) {
      if (this.sqlite.inTransaction) this.sqlite.exec('ROLLBACK')
      throw error
    }
  }
}
