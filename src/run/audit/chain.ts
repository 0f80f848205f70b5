import { createHmac, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

/** One decision or action. */
export interface AuditEntry {
  /** ISO 8601 */
  readonly at: string
  readonly tenant: string
  /** containment, approval, request or audit */
  readonly kind: string
  /** who: a detector or rule, a person's or PEP's token name, `policy`, `belay` */
  readonly actor: string
  /** what it was done to */
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

/** An entry with its place: `mac` is an HMAC over everything before it in the line, `prev` the mac of the line before. */
export interface AuditRecord extends AuditEntry {
  /** from 1 */
  readonly n: number
  readonly prev: string
  readonly mac: string
}

/** How many records there were and which was the last, signed: a chain alone does not show that its end was cut off. */
export interface Checkpoint {
  readonly chain: string
  readonly count: number
  readonly head: string
  readonly at: string
  /** Ed25519 over the other members, base64 */
  readonly signature: string
}

export interface AuditKeys {
  readonly mac: Uint8Array
  readonly signing: KeyObject
}

/** What the first record follows. */
export const GENESIS = '0'.repeat(64)

export function chained(entry: AuditEntry, n: number, prev: string, key: Uint8Array): AuditRecord {
  const { at, tenant, kind, actor, subject, detail } = entry
  const record = { n, at, tenant, kind, actor, subject, detail, prev }
  return { ...record, mac: createHmac('sha256', key).update(JSON.stringify(record)).digest('hex') }
}

export function signed(checkpoint: Omit<Checkpoint, 'signature'>, key: KeyObject): Checkpoint {
  return { ...checkpoint, signature: sign(null, textOf(checkpoint), key).toString('base64') }
}

export function isSigned(checkpoint: Checkpoint, key: KeyObject): boolean {
  return verify(null, textOf(checkpoint), createPublicKey(key), Buffer.from(checkpoint.signature, 'base64'))
}

function textOf({ chain, count, head, at }: Omit<Checkpoint, 'signature'>): Buffer {
  return Buffer.from(JSON.stringify({ chain, count, head, at }))
}

export interface Verified {
  readonly records: number
  readonly head: string
  /** what is wrong, the first of each kind of damage, in order; empty when all is well */
  readonly problems: readonly string[]
}

/** Finds records that were changed, removed, reordered or cut off. `lines` as in the file, without the last line feed. */
export function verifyChain(lines: readonly string[], checkpoints: readonly Checkpoint[], keys: AuditKeys): Verified {
  const problems: string[] = []
  const macs: string[] = []
  let prev = GENESIS
  let n = 0
  for (const [at, line] of lines.entries()) {
    const record = parsed(line)
    const place = `line ${at + 1}`
    if (record === undefined) problems.push(`${place}: not a record; it was changed or cut off`)
    else if (chained(record, record.n, record.prev, keys.mac).mac !== record.mac)
      problems.push(`${place}: record ${record.n} was changed`)
    else if (record.n !== n + 1 || record.prev !== prev)
      problems.push(`${place}: record ${record.n} does not follow the one before; records were removed or reordered`)
    n = record?.n ?? n + 1
    prev = record?.mac ?? ''
    macs.push(prev)
    if (problems.length >= MAX_PROBLEMS) break
  }
  for (const checkpoint of checkpoints) {
    const { count, head, at } = checkpoint
    const problem = !isSigned(checkpoint, keys.signing)
      ? `the checkpoint of ${at} is not signed with this key`
      : lines.length < count
        ? `the checkpoint of ${at} counts ${count} records, there are ${lines.length}: the end was cut off`
        : count > 0 && problems.length < MAX_PROBLEMS && macs[count - 1] !== head
          ? `record ${count} is not the one that the checkpoint of ${at} names: the chain was written anew`
          : undefined
    if (problem !== undefined && problems.length < MAX_PROBLEMS) problems.push(problem)
  }
  return { records: lines.length, head: prev, problems }
}

const MAX_PROBLEMS = 20

function parsed(line: string): AuditRecord | undefined {
  try {
    const record = JSON.parse(line) as AuditRecord
    return typeof record.n === 'number' && typeof record.mac === 'string' ? record : undefined
  } catch {
    return undefined
  }
}
