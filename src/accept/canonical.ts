import { createHash } from 'node:crypto'

export { canonicalJson } from '../model/canonical.ts'

/** Lowercase hex SHA-256 of a text's UTF-8 bytes. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
