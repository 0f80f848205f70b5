import { createHash, createHmac } from 'node:crypto'
import { canonicalJson } from '../../src/model/canonical.ts'

/** Lowercase hex SHA-256 of a text's UTF-8 bytes. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The contract's digest of a JSON value: of its canonical text (RFC 8785). */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}

/** First 16 hex digits of HMAC-SHA-256: equal values can be seen to be equal, and no value can be guessed from it. */
export function keyedHex(key: string | Uint8Array, value: string): string {
  return createHmac('sha256', key).update(value).digest().toString('hex', 0, 8)
}
