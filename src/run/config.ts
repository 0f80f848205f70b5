import { readFileSync } from 'node:fs'
import { Value } from '@sinclair/typebox/value'
import { parseDocument } from 'yaml'
import { describeErrors, describeMissingLists, SECRET_FORM } from './config-problems.ts'
import { type Config, ConfigSchema, type Role, type SecretRef } from './config-schema.ts'
import { type Environment, findSecrets, secretId } from './secrets.ts'

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
  if (path === undefined) {
    const origin = 'the default configuration'
    return settingsOf(parseConfig('', origin), env, origin)
  }
  return { ...settingsOf(readConfig(path), env, path), path }
}

/** A checked configuration without the secrets that it refers to. Throws ConfigError. */
export function readConfig(path: string): Config {
  return parseConfig(readText(path, path), path)
}

/** Finds every secret that a checked configuration refers to. Throws ConfigError. */
export function settingsOf(config: Config, env: Environment, origin: string): Settings {
  const { texts, problems } = findSecrets(config, env)
  if (problems.length > 0) throw new ConfigError(origin, problems)
  return {
    config,
    secret(reference) {
      const text = texts.get(secretId(reference))
      if (text === undefined) throw new Error(`${JSON.stringify(reference)} is not part of the loaded configuration`)
      return text
    },
  }
}

/** YAML text to a checked configuration with all defaults. Throws ConfigError. */
export function parseConfig(yaml: string, origin: string): Config {
  const written = parseYaml(yaml, origin)
  const notLists = [...describeMissingLists(written)]
  if (notLists.length > 0) throw new ConfigError(origin, notLists)
  const config = Value.Default(ConfigSchema, written)
  const problems = [...describeErrors(config)]
  if (problems.length > 0) throw new ConfigError(origin, problems)
  const checked = config as Config
  const conflicts = [...conflictsOf(checked)]
  if (conflicts.length > 0) throw new ConfigError(origin, conflicts)
  return checked
}

/** Refuses what is valid on its own but unsafe together with how the process was started. */
export function refuseOpenListener(config: Config): void {
  if (config.tokens.length > 0 || config.logins.length > 0 || isLoopback(config.listen.host)) return
  throw new ConfigError('listen', [
    `listen.host: ${config.listen.host} can be reached from other machines, so \`tokens\` must not be empty; add a token or a login, or listen on 127.0.0.1`,
  ])
}

/** Refuses roles that cannot do their work without a part that several processes can share. Throws ConfigError. */
export function refuseUselessRoles({ roles, kafka, clickhouse, redis, forward }: Config): void {
  const without = (role: Role, other: Role): boolean => roles.includes(role) && !roles.includes(other)
  const problems = [
    ...(without('accept', 'score') && !kafka
      ? ['`accept` without `score` needs `kafka`: nothing would take events on']
      : []),
    ...(without('score', 'dispatch') && !redis
      ? ['`score` without `dispatch` needs `redis`: nothing would deliver']
      : []),
    ...(without('dispatch', 'score') && !redis
      ? ['`dispatch` without `score` needs `redis`: no order would come']
      : []),
    ...(without('web', 'score') && !(clickhouse && redis)
      ? ['`web` without `score` needs `clickhouse` and `redis`: there would be nothing to show']
      : []),
    ...(without('score', 'forward') && forward.length > 0 && !kafka
      ? ['`score` without `forward` needs `kafka`: nobody would send findings on']
      : []),
    ...(without('forward', 'score') && !kafka
      ? ['`forward` without `score` needs `kafka`: no finding would come']
      : []),
    ...(without('learn', 'score') && !clickhouse
      ? ["`learn` without `score` needs `clickhouse`: chDB is one process's"]
      : []),
  ]
  if (problems.length > 0)
    throw new ConfigError(
      'roles',
      problems.map((problem) => `roles: ${problem}`),
    )
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

type KafkaSection = NonNullable<Config['kafka']>

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
    'logins',
    config.logins.map((login) => login.name),
    'name',
  )
  yield* repeated(
    'containment.gateways',
    config.containment.gateways.map((gateway) => gateway.name),
    'name',
  )
  yield* repeated(
    'forward',
    config.forward.map((destination) => destination.name),
    'name',
  )
  yield* wireConflicts(config)
  const { timeZone, timeZones } = config.baselines
  if (!isTimeZone(timeZone)) yield `baselines.timeZone: expected an IANA time zone such as Europe/Berlin`
  for (const [role, zone] of Object.entries(timeZones))
    if (!isTimeZone(zone)) yield `baselines.timeZones.${role}: expected an IANA time zone such as Europe/Berlin`
  for (const [index, token] of config.tokens.entries())
    if ((token.sha256 === undefined) === (token.token === undefined))
      yield `tokens[${index}]: needs exactly one of \`sha256\` and \`token\``
  if (config.kafka) yield* loginConflicts('kafka', config.kafka)
  yield* gatewayConflicts(config)
}

function* gatewayConflicts({ containment }: Config): Generator<string> {
  for (const [index, { url, secrets, http, contextForge, caep }] of containment.gateways.entries()) {
    const path = `containment.gateways[${index}]`
    const kinds = [url ?? secrets, http, contextForge, caep].filter((kind) => kind !== undefined)
    if (kinds.length !== 1)
      yield `${path}: needs exactly one of \`url\` with \`secrets\`, \`http\`, \`contextForge\` and \`caep\``
    else if ((url === undefined) !== (secrets === undefined)) yield `${path}: needs both \`url\` and \`secrets\``
  }
}

const WIRES = ['file', 'syslog', 'splunk', 'elastic', 'kafka', 'otlp', 'webhook'] as const

function* wireConflicts({ forward, kafka: cluster }: Config): Generator<string> {
  for (const [index, destination] of forward.entries()) {
    const path = `forward[${index}]`
    const wires = WIRES.filter((wire) => destination[wire] !== undefined)
    if (wires.length !== 1) yield `${path}: needs exactly one of ${WIRES.map((wire) => `\`${wire}\``).join(', ')}`
    const { syslog, elastic, kafka, shape } = destination
    if (syslog && (syslog.cert === undefined) !== (syslog.key === undefined))
      yield `${path}.syslog: a client certificate needs both \`cert\` and \`key\``
    if (elastic && (shape === 'cef' || shape === 'leef'))
      yield `${path}.elastic: takes JSON documents; use the shape \`ecs\`, \`ocsf\` or \`json\``
    if (elastic && (elastic.user === undefined) !== (elastic.password === undefined))
      yield `${path}.elastic: needs both \`user\` and \`password\`, or \`apiKey\``
    if (kafka && kafka.brokers === undefined && !cluster)
      yield `${path}.kafka.brokers: missing; there is no section \`kafka\` to take them from`
    if (kafka) yield* loginConflicts(`${path}.kafka`, kafka)
  }
}

/** A connection to Kafka: the section of that name, or of a destination. */
function* loginConflicts(path: string, { tls, sasl }: Pick<KafkaSection, 'tls' | 'sasl'>): Generator<string> {
  if (tls && (tls.cert === undefined) !== (tls.key === undefined))
    yield `${path}.tls: a client certificate needs both \`cert\` and \`key\``
  if (!sasl) return
  const needed = sasl.mechanism === 'oauthbearer' ? (['token'] as const) : (['username', 'password'] as const)
  for (const key of needed)
    if (sasl[key] === undefined) yield `${path}.sasl.${key}: missing; ${sasl.mechanism} needs it`
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
