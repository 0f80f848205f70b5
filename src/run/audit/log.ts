import { closeSync, fdatasyncSync, openSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AuditEntry,
  type AuditKeys,
  type AuditRecord,
  type Checkpoint,
  chained,
  GENESIS,
  signed,
} from './chain.ts'
import { auditKeys, CHECKPOINTS, linesOf, RECORDS } from './files.ts'

const RECORDS_PER_CHECKPOINT = 100

export interface AuditOptions {
  readonly folder: string
  /** name of this process's chain: one process writes it */
  readonly chain: string
  readonly now: () => number
  /** told of each checkpoint, so that it is kept where whoever changes the file cannot change it; must not throw */
  readonly checkpointed: (checkpoint: Checkpoint) => void
}

/**
 * The append-only record of decisions and actions of one process: each line carries the HMAC of itself and of the line
 * before. Written at once and synced with every checkpoint; a line that a crash cut short is taken off at the next start,
 * which is itself recorded.
 */
export class AuditLog {
  private readonly options: AuditOptions
  private readonly keys: AuditKeys
  private readonly records: number
  private readonly checkpoints: number
  private n: number
  private head: string
  private checkpointedAt: number
  private unexported: AuditRecord[] = []

  constructor(options: AuditOptions) {
    this.options = options
    const { folder, chain } = options
    this.keys = auditKeys(folder)
    const path = join(folder, `${chain}${RECORDS}`)
    const { whole, isTorn } = wholeLines(path)
    this.records = openSync(path, 'a', 0o600)
    this.checkpoints = openSync(join(folder, `${chain}${CHECKPOINTS}`), 'a', 0o600)
    const last = whole.at(-1)
    this.n = whole.length
    this.head = last === undefined ? GENESIS : (JSON.parse(last) as AuditRecord).mac
    this.checkpointedAt = this.n
    this.unexported = whole.slice(-MAX_UNEXPORTED).map((line) => JSON.parse(line) as AuditRecord)
    this.add({ tenant: '', kind: 'audit', actor: 'belay', subject: chain, detail: { started: true, torn: isTorn } })
  }

  get chain(): string {
    return this.options.chain
  }

  add(entry: Omit<AuditEntry, 'at'>): void {
    const at = new Date(this.options.now()).toISOString()
    const record = chained({ at, ...entry }, this.n + 1, this.head, this.keys.mac)
    writeSync(this.records, `${JSON.stringify(record)}\n`)
    this.n = record.n
    this.head = record.mac
    this.unexported.push(record)
    if (this.unexported.length > MAX_UNEXPORTED) this.unexported.shift()
    if (this.n - this.checkpointedAt >= RECORDS_PER_CHECKPOINT) this.checkpoint()
  }

  /** Signs how far the record has come; nothing when that is signed already. */
  checkpoint(): void {
    if (this.n === this.checkpointedAt) return
    fdatasyncSync(this.records)
    const at = new Date(this.options.now()).toISOString()
    const checkpoint = signed({ chain: this.chain, count: this.n, head: this.head, at }, this.keys.signing)
    writeSync(this.checkpoints, `${JSON.stringify(checkpoint)}\n`)
    fdatasyncSync(this.checkpoints)
    this.checkpointedAt = this.n
    this.options.checkpointed(checkpoint)
  }

  /** Writes what was not exported yet, oldest first; it is tried again by the next call when `write` rejects. */
  async export(write: (records: readonly AuditRecord[]) => Promise<void>): Promise<void> {
    const group = this.unexported.slice(0, MAX_PER_EXPORT)
    if (group.length === 0) return
    await write(group)
    const last = group.at(-1)?.n ?? 0
    this.unexported = this.unexported.filter(({ n }) => n > last)
  }

  close(): void {
    this.checkpoint()
    closeSync(this.records)
    closeSync(this.checkpoints)
  }
}

/** The file keeps everything; of what the store did not take, the newest so many are tried again. */
const MAX_UNEXPORTED = 50_000
const MAX_PER_EXPORT = 5_000

/** A crash may have cut the last line short: it is taken off, so that the next one stands alone. */
function wholeLines(path: string): { readonly whole: readonly string[]; readonly isTorn: boolean } {
  const lines = linesOf(path)
  const last = lines.at(-1)
  if (last === undefined || isRecord(last)) return { whole: lines, isTorn: false }
  const whole = lines.slice(0, -1)
  truncateSync(path, Buffer.byteLength(whole.map((line) => `${line}\n`).join('')))
  return { whole, isTorn: true }
}

function isRecord(line: string): boolean {
  try {
    return typeof (JSON.parse(line) as AuditRecord).mac === 'string'
  } catch {
    return false
  }
}
