import { closeSync, createWriteStream, openSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/*
 * chDB appends whatever it finds on file descriptor 0 to the data of an INSERT. Rows piped into a process that stores
 * would land in a table of their sender's choosing, or break a migration; so a process that opens chDB has nothing on
 * its standard input.
 */

/** Puts /dev/null in the place of standard input. Before anything reads it. */
export function detachStdin(): void {
  try {
    closeSync(0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error
  }
  // The lowest free descriptor is the one just closed.
  if (openSync('/dev/null', 'r') !== 0) throw new Error('standard input could not be detached')
}

/** Event files with `-` read to its end into a file of `folder`, so that standard input is empty from then on. */
export async function withoutStdin(paths: readonly string[], folder: string): Promise<readonly string[]> {
  if (!paths.includes('-')) {
    detachStdin()
    return paths
  }
  const spooled = join(folder, 'stdin.ndjson')
  await pipeline(process.stdin, createWriteStream(spooled, { mode: 0o600 }))
  return paths.map((path) => (path === '-' ? spooled : path))
}
