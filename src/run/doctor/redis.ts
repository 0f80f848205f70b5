import { Redis } from 'ioredis'
import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'
import { redisUrl } from '../parts/redis.ts'
import type { Check, CheckResult } from './check.ts'

export function checkRedis(settings: Settings, section: NonNullable<Config['redis']>): Check {
  return {
    name: 'Redis',
    run: async () => {
      const redis = new Redis(redisUrl(settings, section), {
        lazyConnect: true,
        maxRetriesPerRequest: 1,
        retryStrategy: () => null,
      })
      // Every failure also reaches the awaited call, which reports it.
      redis.on('error', () => undefined)
      try {
        await redis.connect()
        return verdictOf(infoOf(await redis.info()))
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        return { state: 'failed', detail: `${section.url}: ${detail}`, todo: 'check redis.url and redis.password' }
      } finally {
        redis.disconnect()
      }
    },
  }
}

function infoOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line): [string, string][] => {
      const at = line.indexOf(':')
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]]
    }),
  )
}

/** Orders live in Redis: one that forgets on restart or evicts under pressure loses containments. */
function verdictOf(info: ReadonlyMap<string, string>): CheckResult {
  const version = `version ${info.get('redis_version') ?? 'unknown'}`
  if (info.get('aof_enabled') !== '1')
    return {
      state: 'warning',
      detail: `${version}, no append-only file`,
      todo: 'set `appendonly yes`: a restart would lose orders',
    }
  const policy = info.get('maxmemory_policy')
  if (policy !== 'noeviction')
    return {
      state: 'warning',
      detail: `${version}, maxmemory-policy ${policy}`,
      todo: 'set `maxmemory-policy noeviction`: orders could be evicted',
    }
  return { state: 'ok', detail: `${version}, append-only file, no eviction` }
}
