import { join } from 'node:path'
import { openStore, type StoreOptions } from '../../store/open.ts'
import type { Store } from '../../store/store.ts'
import type { Settings } from '../config.ts'

export function chdbFolder(data: string): string {
  return join(data, 'chdb')
}

export function storeOptions({ config, secret }: Settings): StoreOptions {
  const { clickhouse, retention } = config
  if (!clickhouse) return { kind: 'embedded', directory: chdbFolder(config.data), retention }
  const { url, user, database, cluster, password } = clickhouse
  return {
    kind: 'server',
    url,
    user,
    database,
    retention,
    ...(cluster !== undefined && { cluster }),
    ...(password && { password: secret(password) }),
  }
}

/** ClickHouse where the configuration names one, chDB below `data` otherwise; its schema is at the newest version. */
export async function openMigratedStore(settings: Settings): Promise<Store> {
  const store = await openStore(storeOptions(settings))
  try {
    await store.migrate()
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}
