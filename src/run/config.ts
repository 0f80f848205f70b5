import { readFileSync } from 'node:fs'
import type { TObject, TSchema } from '@sinclair/typebox'
import { Value, type ValueError, ValueErrorType } from '@sinclair/typebox/value'
import { closest, distance } from 'fastest-levenshtein'
import { parseDocument } from 'yaml'
import { type Config, ConfigSchema, type SecretRef } from './config-schema.ts'

/** What is wrong with a configuration, one line per place, each with the path of the key and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG_INVALID'
  readonly problems: readonly string[]
  constructor(origin: string, problems: readonly string[]) {
    super(`${origin} cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

export interface Environment {
  readonly [name: string]: string | undefined
}

/** A configuration that was checked without touching the network, with the secrets it refers to. */
export interface Settings {
  readonly config: Config
  /** the file it came from; absent when there was none */
  readonly path?: string
  /** Text of a secret that the configuration refers to; all of them were found when it was loaded. */
  readonly secret: (reference: SecretRef) => string
}

/**
 * Reads and checks the configuration; without a path, the defaults: everything embedded. Touches the file, the secrets
 * it refers to and nothing else. Throws ConfigError naming every problem.
 */
export function loadConfig(path: string | undefined, env: Environment): Settings {
  const origin = path ?? 'the default configuration'
  const config = parseConfig(path === undefined ? '' : readText(path, path), origin)
  return { ...settingsOf(config, env, origin), ...(path !== undefined && { path }) }
}

/** Finds every secret that a checked configuration refers to. Throws ConfigError. */
export function settingsOf(config: Config, env: Environment, origin: string): Settings {
  const secrets = resolveSecrets(config, env, origin)
  return { config, secret: (reference) => found(secrets, reference) }
}

/** YAML text to a checked configuration with all defaults. Throws ConfigError. */
export function parseConfig(yaml: string, origin: string): Config {
  const config = Value.Default(ConfigSchema, parseYaml(yaml, origin))
  const problems = [...describeErrors(config)]
  if (problems.length > 0) throw new ConfigError(origin, problems)
  const checked = config as Config
  const conflicts = [...conflictsOf(checked)]
  if (conflicts.length > 0) throw new ConfigError(origin, conflicts)
  return checked
}

/** Refuses what is valid on its own but unsafe together with how the process was started. */
export function refuseOpenListener(config: Config): void {
  if (config.tokens.length > 0 || isLoopback(config.listen.host)) return
  throw new ConfigError('listen', [
    `listen.host: ${config.listen.host} can be reached from other machines, so \`tokens\` must not be empty; add a token, or listen on 127.0.0.1`,
  ])
}

/** Refuses roles that cannot do their work in a process of their own. */
export function refuseUselessRoles({ roles, kafka, clickhouse, redis }: Config): void {
  if (roles.includes('accept') && !roles.includes('score') && !kafka)
    throw new ConfigError('roles', ['roles: `accept` without `score` needs `kafka`: nothing would take the events on'])
  if (roles.includes('score') && !roles.includes('dispatch') && !redis)
    throw new ConfigError('roles', [
      'roles: `score` without `dispatch` needs `redis`: nothing would deliver the orders',
    ])
  if (roles.includes('learn') && !roles.includes('score') && !clickhouse)
    throw new ConfigError('roles', ['roles: `learn` without `score` needs `clickhouse`: chDB belongs to one process'])
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function readText(path: string, origin: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(origin, [`cannot be read: ${reasonOf(error)}`])
  }
}

function parseYaml(yaml: string, origin: string): unknown {
  const document = parseDocument(yaml, { prettyErrors: true })
  const problems = document.errors.map((error) => error.message.split('\n', 1)[0] ?? error.code)
  if (problems.length > 0) throw new ConfigError(origin, problems)
  try {
    return document.toJS() ?? {}
  } catch (error) {
    throw new ConfigError(origin, [`is not plain YAML: ${reasonOf(error)}`])
  }
}

function* describeErrors(config: unknown): Generator<string> {
  const told = new Set<string>()
  for (const error of Value.Errors(ConfigSchema, config)) {
    const path = dotted(error.path)
    // A missing member is reported twice: as missing, and as not being of its type.
    if (told.has(path)) continue
    told.add(path)
    yield path === '' ? expectation(error) : `${path}: ${expectation(error)}`
  }
}

function expectation(error: ValueError): string {
  const { schema, value, type } = error
  if (type === ValueErrorType.ObjectAdditionalProperties) return unknownKey(error)
  if (schema.secret === true) return secretExpectation(value)
  if (type === ValueErrorType.ObjectRequiredProperty) return `missing: expected ${expectedBy(schema)}`
  return `expected ${expectedBy(schema)}, found ${shown(value)}`
}

function expectedBy(schema: TSchema): string {
  if (typeof schema.expected === 'string') return schema.expected
  if (schema.secret === true) return SECRET_FORM
  const { minimum, maximum, exclusiveMinimum } = schema
  const from = minimum ?? (exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`)
  const range = [from, maximum].some((bound) => bound !== undefined) ? ` (${from ?? ''} to ${maximum ?? 'any'})` : ''
  switch (schema.type) {
    case 'object':
      return 'a section of `key: value` lines'
    case 'array':
      return schema.minItems ? `a list of at least ${schema.minItems}` : 'a list'
    case 'integer':
      return `a whole number${range}`
    case 'number':
      return `a number${range}`
    case 'boolean':
      return 'true or false'
    default:
      return 'a text that is not empty'
  }
}

const SECRET_FORM = '{ env: NAME } or { file: PATH }'

function secretExpectation(value: unknown): string {
  if (value === undefined) return `missing: expected ${SECRET_FORM}`
  const found = typeof value === 'string' ? 'a secret is never written into this file' : `found ${shown(value)}`
  return `expected ${SECRET_FORM}; ${found}`
}

function unknownKey(error: ValueError): string {
  const parts = error.path.split('/')
  const key = unescapePointer(parts.pop() ?? '')
  const known = Object.keys(propertiesOf(ConfigSchema, parts.slice(1).map(unescapePointer)))
  const nearest = known.length > 0 ? closest(key, known) : undefined
  const likely =
    nearest !== undefined && distance(key.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, key.length / 2)
  return likely ? `unknown key; did you mean \`${nearest}\`?` : `unknown key; known here: ${known.join(', ')}`
}

function propertiesOf(schema: TSchema, path: readonly string[]): TObject['properties'] {
  let at: TSchema | undefined = schema
  for (const part of path) at = at?.type === 'array' ? (at.items as TSchema) : at?.properties?.[part]
  return at?.properties ?? {}
}

/** The value itself is shown only where it cannot be a secret typed into the wrong place. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'another text'
  return typeof value === 'object' ? 'a section' : JSON.stringify(value)
}

function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${unescapePointer(part)}`))
    .join('')
    .replace(/^\./, '')
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** What no single key can know. */
function* conflictsOf(config: Config): Generator<string> {
  for (const [path, url] of [
    ['clickhouse', config.clickhouse?.url],
    ['redis', config.redis?.url],
  ] as const) {
    if (url !== undefined && /^[a-z]+:\/\/[^/]*:[^/]*@/.test(url))
      yield `${path}.url: carries a password; put it into ${path}.password as ${SECRET_FORM}`
  }
  yield* repeated(
    'tokens',
    config.tokens.map((token) => token.name),
    'name',
  )
  yield* repeated(
    'containment.gateways',
    config.containment.gateways.map((gateway) => gateway.name),
    'name',
  )
  const { timeZone, timeZones } = config.baselines
  if (!isTimeZone(timeZone)) yield `baselines.timeZone: expected an IANA time zone such as Europe/Berlin`
  for (const [role, zone] of Object.entries(timeZones))
    if (!isTimeZone(zone)) yield `baselines.timeZones.${role}: expected an IANA time zone such as Europe/Berlin`
  for (const [index, token] of config.tokens.entries())
    if ((token.sha256 === undefined) === (token.token === undefined))
      yield `tokens[${index}]: needs exactly one of \`sha256\` and \`token\``
  yield* saslConflicts(config)
}

function* saslConflicts({ kafka }: Config): Generator<string> {
  if (kafka?.tls && (kafka.tls.cert === undefined) !== (kafka.tls.key === undefined))
    yield 'kafka.tls: a client certificate needs both `cert` and `key`'
  const sasl = kafka?.sasl
  if (!sasl) return
  const needed = sasl.mechanism === 'oauthbearer' ? (['token'] as const) : (['username', 'password'] as const)
  for (const key of needed) if (sasl[key] === undefined) yield `kafka.sasl.${key}: missing; ${sasl.mechanism} needs it`
}

function* repeated(path: string, names: readonly string[], key: string): Generator<string> {
  for (const [index, name] of names.entries())
    if (names.indexOf(name) < index) yield `${path}[${index}].${key}: \`${name}\` stands in the list twice`
}

function isTimeZone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}

function resolveSecrets(config: Config, env: Environment, origin: string): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>()
  const problems: string[] = []
  for (const { path, reference } of secretsIn(ConfigSchema, config, '')) {
    const secret = 'env' in reference ? env[reference.env] : fileSecret(reference.file)
    if (typeof secret === 'string' && secret.length > 0) secrets.set(secretId(reference), secret)
    else problems.push(`${path}: ${missingSecret(reference)}`)
  }
  if (problems.length > 0) throw new ConfigError(origin, problems)
  return secrets
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

function found(secrets: ReadonlyMap<string, string>, reference: SecretRef): string {
  const secret = secrets.get(secretId(reference))
  if (secret === undefined) throw new Error(`${JSON.stringify(reference)} is not part of the loaded configuration`)
  return secret
}

function secretId(reference: SecretRef): string {
  return 'env' in reference ? `env:${reference.env}` : `file:${reference.file}`
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
