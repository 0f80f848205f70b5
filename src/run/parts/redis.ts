import type { Settings } from '../config.ts'
import type { Config } from '../config-schema.ts'

export type RedisSection = NonNullable<Config['redis']>

/** The address with the password in it, as clients take it; never to be logged. */
export function redisUrl({ secret }: Settings, { url, password }: RedisSection): string {
  const full = new URL(url)
  if (password) full.password = encodeURIComponent(secret(password))
  return full.href
}

/** Braces keep all keys of a prefix in one slot of a cluster. */
export function redisPrefix({ prefix }: RedisSection): string {
  return `{${prefix}}`
}
