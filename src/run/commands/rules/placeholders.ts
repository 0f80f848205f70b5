import type { Placeholders } from '../../../detect/sigma/parse-text.ts'

/** The values of `|expand` that a configuration lists; none without one. Rejects with ConfigError. */
export async function placeholdersOf(config: string | undefined): Promise<Placeholders> {
  if (config === undefined) return {}
  const { readConfig } = await import('../../config.ts')
  return readConfig(config).rules.placeholders
}
