import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The data set's folder: below `data` by its name, or `data` itself. */
export function setFolder(data: string, set: string): string {
  const below = join(data, set)
  return existsSync(below) ? below : data
}
