import type { Assignment } from './partitions.ts'

export interface CommitOffset {
  readonly topic: string
  readonly partition: number
  /** the next record to read */
  readonly offset: string
}

interface Entry {
  readonly ends: ReadonlyMap<Assignment, number>
  isDone: boolean
}

/** A batch that was yielded. */
export type LedgerEntry = Readonly<Entry>

/**
 * Which offsets may be committed: those of a batch once it and every batch before it are done, so that a commit never
 * covers an event whose effects are not durable. Knows no network.
 */
export class Ledger {
  private readonly open: Entry[] = []
  private ready = new Map<Assignment, number>()

  /** `ends`: for each partition of the batch the offset after its last record. */
  begin(ends: ReadonlyMap<Assignment, number>): LedgerEntry {
    const entry: Entry = { ends, isDone: false }
    this.open.push(entry)
    return entry
  }

  done(entry: LedgerEntry): void {
    this.finish(entry)
  }

  /** The batch comes again; its assignments are restarted, so later batches cannot commit past it either. */
  dropped(entry: LedgerEntry): void {
    this.finish(entry)
  }

  /** Offsets that became committable since the last call, of assignments that still hold. */
  takeReady(isCurrent: (assignment: Assignment) => boolean): CommitOffset[] {
    const ready = this.ready
    this.ready = new Map()
    return [...ready]
      .filter(([assignment]) => isCurrent(assignment))
      .map(([{ topic, partition }, end]) => ({ topic, partition, offset: String(end) }))
  }

  private finish(entry: LedgerEntry): void {
    const found = this.open.find((one) => one === entry)
    if (found !== undefined) found.isDone = true
    while (this.open[0]?.isDone === true) {
      const first = this.open.shift()
      for (const [assignment, end] of first?.ends ?? []) this.ready.set(assignment, end)
    }
  }
}
