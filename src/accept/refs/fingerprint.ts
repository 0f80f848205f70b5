import { createHmac } from 'node:crypto'
import type { Ref } from '../../model/index.ts'

/** A value that was seen: its fingerprint, and what the list at hand already has of it. */
export interface Known {
  /** normalised */
  readonly value: string
  /** 16 hex digits of HMAC-SHA-256 over the normalised value */
  readonly fp: string
  /** the list that asked last, and the places it has the value in (bits) */
  list: number
  places: number
  /** refs made of it, to be shared: most values come again */
  refs: Ref[] | undefined
}

/**
 * Fingerprints with a bounded cache, because one HMAC costs more than all else that is done with a value. Two
 * generations: when the young one is full it becomes the old one, so what is in use stays without a list to maintain.
 */
export class Fingerprints {
  private young = new Map<string, Known>()
  private old = new Map<string, Known>()
  /** what was given out before this changed may be given out again as another object */
  generation = 0
  private readonly key: Uint8Array | string
  private readonly perGeneration: number

  constructor(key: Uint8Array | string, maxEntries = 65_536) {
    this.key = key
    this.perGeneration = Math.max(1, maxEntries >> 1)
  }

  of(value: string): Known {
    const young = this.young.get(value)
    if (young !== undefined) return young
    const known = this.old.get(value) ?? this.make(value)
    if (this.young.size >= this.perGeneration) {
      this.old = this.young
      this.young = new Map()
      this.generation++
    }
    this.young.set(known.value, known)
    return known
  }

  private make(value: string): Known {
    // Not cut from the longer text, which would stay alive with it.
    const fp = createHmac('sha256', this.key).update(value).digest().toString('hex', 0, 8)
    return { value: copyOf(value), fp, list: 0, places: 0, refs: undefined }
  }
}

/** A part of a text keeps the whole text alive for as long as it is remembered itself: a copy does not. */
function copyOf(value: string): string {
  const narrow = Buffer.from(value, 'latin1').toString('latin1')
  return narrow === value ? narrow : Buffer.from(value, 'utf16le').toString('utf16le')
}
