import { readFileSync } from 'node:fs'
import type { TObject, TSchema } from '@sinclair/typebox'
import { type Config, ConfigSchema, type SecretRef } from './config-schema.ts'

export interface Environment {
  readonly [name: string]: string | undefined
}

export interface FoundSecrets {
  /** by `secretId` */
  readonly texts: ReadonlyMap<string, string>
  readonly problems: readonly string[]
}

/** Finds every secret that a checked configuration refers to, and says where one is missing. */
export function findSecrets(config: Config, env: Environment): FoundSecrets {
  const texts = new Map<string, string>()
  const problems: string[] = []
  for (const { path, reference } of secretsIn(ConfigSchema, config, '')) {
    const text = 'env' in reference ? env[reference.env] : fileSecret(reference.file)
    if (typeof text === 'string' && text.length > 0) texts.set(secretId(reference), text)
    else problems.push(`${path}: ${missingSecret(reference)}`)
  }
  return { texts, problems }
}

export function secretId(reference: SecretRef): string {
  return 'env' in reference ? `env:${reference.env}` : `file:${reference.file}`
}

function missingSecret(reference: SecretRef): string {
  return 'env' in reference
    ? `the environment variable ${reference.env} is not set`
    : `the file ${reference.file} is empty or cannot be read`
}

function fileSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    // Reported by the caller together with the key that names the file.
    return undefined
  }
}

function* secretsIn(schema: TSchema, value: unknown, path: string): Generator<{ path: string; reference: SecretRef }> {
  if (value === undefined || value === null) return
  if (schema.secret === true) yield { path, reference: value as SecretRef }
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* secretsIn(schema.items as TSchema, item, `${path}[${index}]`)
  } else if (schema.properties !== undefined) {
    for (const [key, property] of Object.entries(schema.properties as TObject['properties']))
      yield* secretsIn(property, (value as Record<string, unknown>)[key], path === '' ? key : `${path}.${key}`)
  }
}
