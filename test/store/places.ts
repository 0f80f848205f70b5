import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Retention } from '../../src/store/retention.ts'

/** Rows of tests are dated, and must not expire when the tests run years later. */
export const RETENTION: Retention = { eventDays: 20_000, findingDays: 20_000 }

/** Removed when the process ends, since the embedded engine writes until then. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'belay-store-'))
  process.once('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}
