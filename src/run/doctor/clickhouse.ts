import { createClient } from '@clickhouse/client'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import type { Check } from './check.ts'

/** Releases before this one lack what the schema uses. */
const OLDEST = [25, 3] as const

export function checkClickHouse(settings: Settings, section: NonNullable<Config['clickhouse']>): Check {
  return {
    name: 'ClickHouse',
    run: async () => {
      const client = createClient({
        url: section.url,
        username: section.user,
        ...(section.password && { password: settings.secret(section.password) }),
        request_timeout: 5_000,
      })
      try {
        const answer = await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' })
        const [row] = await answer.json<{ readonly version: string }>()
        return versionVerdict(row?.version ?? '0.0')
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        return {
          state: 'failed',
          detail: `${section.url}: ${detail}`,
          todo: 'check clickhouse.url, clickhouse.user and clickhouse.password',
        }
      } finally {
        await client.close()
      }
    },
  }
}

function versionVerdict(version: string): { state: 'ok' | 'warning'; detail: string; todo?: string } {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  const detail = `version ${version}`
  return old ? { state: 'warning', detail, todo: `upgrade to ${OLDEST.join('.')} or newer` } : { state: 'ok', detail }
}
