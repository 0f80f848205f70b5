import { openStore } from '../../store/open.ts'
import { StoreError } from '../../store/store.ts'
import type { Config } from '../config-schema.ts'
import { chdbFolder } from '../parts/store.ts'
import type { Check } from './check.ts'

export function checkChdb(config: Config): Check {
  const directory = chdbFolder(config.data)
  return {
    name: 'chDB',
    run: async () => {
      try {
        const store = await openStore({ kind: 'embedded', directory })
        try {
          const [row] = await store.query<{ readonly version: string }>('SELECT version() AS version')
          return { state: 'ok', detail: `opens, engine ${row?.version ?? 'unknown'}` }
        } finally {
          await store.close()
        }
      } catch (error) {
        return failure(error, directory)
      }
    },
  }
}

function failure(error: unknown, directory: string) {
  const detail = error instanceof Error ? error.message : String(error)
  // One process owns the folder: while `belay up` runs, that is as it should be.
  if (error instanceof StoreError && detail.includes('another process has this data directory open'))
    return { state: 'ok', detail: `${directory} is held by a running process` } as const
  return {
    state: 'failed',
    detail,
    todo: `check that ${directory} is on a local disk with space, then try again`,
  } as const
}
