import { createHmac } from 'node:crypto'

/** What stands in the place of a secret: equal secrets have equal marks, and nobody without the key can test a guess. */
export interface Marker {
  readonly $redacted: 'secret'
  /** first 16 hex digits of HMAC-SHA-256 over the value */
  readonly sha256: string
  /** characters of the value that was taken out */
  readonly len: number
}

/** How a mark inside a longer text begins; text after it is never taken for a secret again. */
export const MARK_START = '[redacted:'

export class Marks {
  private readonly key: Uint8Array | string

  constructor(key: Uint8Array | string) {
    this.key = key
  }

  /** In the place of a whole value. */
  object(value: string): Marker {
    return { $redacted: 'secret', sha256: this.digest(value), len: value.length }
  }

  /** Inside a text. */
  text(value: string): string {
    return `${MARK_START}${this.digest(value)}:${value.length}]`
  }

  private digest(value: string): string {
    return createHmac('sha256', this.key).update(value).digest('hex').slice(0, 16)
  }
}

const KIND = /^[a-z_]{1,16}$/
const DIGEST = /^[0-9a-f]{8,64}$/

/** Whether a PEP or an earlier pass put a mark here; the shape is exact, so that a mark cannot smuggle a value. */
export function isMarker(value: object): boolean {
  const { $redacted, sha256, len } = value as Record<string, unknown>
  return (
    typeof $redacted === 'string' &&
    KIND.test($redacted) &&
    typeof sha256 === 'string' &&
    DIGEST.test(sha256) &&
    (len === undefined || typeof len === 'number') &&
    Object.keys(value).length === (len === undefined ? 2 : 3)
  )
}
