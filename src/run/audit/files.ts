import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditKeys, Checkpoint } from './chain.ts'

/** Where the audit record is kept below the data folder. */
export function auditFolder(data: string): string {
  return join(data, 'audit')
}

export const RECORDS = '.ndjson'
export const CHECKPOINTS = '.checkpoints.ndjson'

/** The keys of the folder, made at first use: whoever has them can write a chain, so keep checkpoints elsewhere too. */
export function auditKeys(folder: string): AuditKeys {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const mac = kept(join(folder, 'mac.key'), () => randomBytes(32).toString('hex'))
  const signing = kept(join(folder, 'signing.pem'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  return { mac: Buffer.from(mac, 'hex'), signing: createPrivateKey(signing) }
}

/** Names of the chains in a folder: one per process that wrote there. */
export function chainsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith(RECORDS) && !name.endsWith(CHECKPOINTS))
    .map((name) => name.slice(0, -RECORDS.length))
    .sort((a, b) => a.localeCompare(b))
}

/** Lines of a file, the last one also when it was cut off in the middle; none when there is no file. */
export function linesOf(path: string): readonly string[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  return text === '' ? [] : (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
}

export function checkpointsOf(folder: string, chain: string): readonly Checkpoint[] {
  return linesOf(join(folder, `${chain}${CHECKPOINTS}`)).map((line) => JSON.parse(line) as Checkpoint)
}

function kept(path: string, make: () => string): string {
  try {
    writeFileSync(path, make(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(path, 'utf8').trim()
}
