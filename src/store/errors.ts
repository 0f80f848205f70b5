import { StoreError, type StoreFailure } from './store.ts'

/** Engine codes that mean: the same statement may well succeed later. Everything else the engine says is our defect. */
const UNAVAILABLE = new Set([
  '159', // timeout exceeded
  '202', // too many simultaneous queries
  '209', // socket timeout
  '210', // network error
  '236', // aborted
  '241', // memory limit
  '242', // table is read only (a replica lost its keeper)
  '252', // too many parts: merges must catch up
  '279', // all connection tries failed
  '285', // too few live replicas
  '319', // unknown status of insert
  '516', // authentication failed: a password may be rotating, and stopping would lose nothing either
  '999', // keeper exception
])
const FULL = new Set(['243', '1002'])
/** The second is what opening a directory says; the engine's own 76 goes to the process's error output only. */
const LOCKED = new Set(['76', 'CHDB_CONNECTION'])

/** A row that could not be encoded, a wrong argument: trying again would not help. */
const OURS = 'defect'

/** What the engine, the client or the file system threw, as the store's callers know it. */
export function toStoreError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error
  const { code, message } = describe(error)
  return new StoreError(failureOf(code), sentenceOf(code, message, doing), { cause: error })
}

function failureOf(code: string): StoreFailure {
  if (FULL.has(code) || code === 'ENOSPC' || code === 'EDQUOT') return 'full'
  if (code === OURS) return 'refused'
  // No numeric engine code: the network, or the client's own time-out.
  return UNAVAILABLE.has(code) || LOCKED.has(code) || !/^\d+$/.test(code) ? 'unavailable' : 'refused'
}

function sentenceOf(code: string, message: string, doing: string): string {
  const short = message.split('\n', 1)[0]?.slice(0, 500) ?? ''
  if (LOCKED.has(code)) {
    return `${doing}: another process has this data directory open (or it cannot be written); stop it or choose another directory (${short})`
  }
  if (failureOf(code) === 'full') return `${doing}: no space left for the data; free some, nothing was lost (${short})`
  return `${doing}: ${code === '' ? '' : `${code}: `}${short}`
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  if (error instanceof TypeError || error instanceof RangeError) return { code: OURS, message: error.message }
  const own = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // The embedded engine's own errors say its code in their text only.
  const code = /^(\d+|E[A-Z]+)$/.test(own) ? own : /Code: (\d+)/.exec(error.message)?.[1]
  return { code: code ?? own, message: error.message }
}
