import { createHmac, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../config.ts'

/** The keys of an installation: whoever learns and whoever judges must have the same. */
export interface Keys {
  /** of destination fingerprints */
  readonly refs: Uint8Array
  /** of the marks that replace secrets */
  readonly redaction: Uint8Array
  /** signs what the HTTP ingest writes to Kafka */
  readonly ingest: Uint8Array
}

/** Where the baselines of an embedded installation are, and the key of their fingerprints beside them. */
export function baselineFolder(data: string): string {
  return join(data, 'baselines')
}

/**
 * Keys from the configuration; else one that is made once and kept beside the baselines, which are worth nothing
 * without the key of the fingerprints in them.
 */
export function loadKeys({ config, secret }: Settings, folder: string): Keys {
  const refs = config.refs.key ? Buffer.from(secret(config.refs.key)) : keptKey(folder)
  const redaction = config.redaction.key
    ? Buffer.from(secret(config.redaction.key))
    : createHmac('sha256', refs).update('belay redaction v1').digest()
  const ingest = createHmac('sha256', refs).update('belay ingest v1').digest()
  return { refs, redaction, ingest }
}

/** Tells two keys apart and says nothing of either; kept in every baseline that was learnt under it. */
export function refsKeyId({ refs }: Keys): string {
  return createHmac('sha256', refs).update('belay refs v1').digest('hex').slice(0, 8)
}

function keptKey(folder: string): Uint8Array {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'refs.key')
  try {
    // `wx` makes and never replaces: a second process, or a second start, finds the first one's key.
    writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex')
}
