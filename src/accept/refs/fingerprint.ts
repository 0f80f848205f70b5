import { createHmac } from 'node:crypto'

/** 16 hex digits of HMAC-SHA-256 over a normalised value. */
export type Fingerprint = (value: string) => string

/**
 * Fingerprints with a bounded cache, because one HMAC costs more than all else that is done with a value. Two
 * generations: when the young one is full it becomes the old one, so what is in use stays without a list to maintain.
 */
export function createFingerprint(key: Uint8Array | string, maxEntries = 65_536): Fingerprint {
  let young = new Map<string, string>()
  let old = new Map<string, string>()
  const perGeneration = Math.max(1, maxEntries >> 1)
  return (value) => {
    const known = young.get(value)
    if (known !== undefined) return known
    const fp = old.get(value) ?? createHmac('sha256', key).update(value).digest('hex').slice(0, 16)
    if (young.size >= perGeneration) {
      old = young
      young = new Map()
    }
    young.set(value, fp)
    return fp
  }
}
