import { resolve } from 'node:path'
import { loadConfig, type Settings } from './config.ts'
import type { Config, Role } from './config-schema.ts'
import { type Instance, startInstance } from './instance.ts'
import { CommandError, type Io } from './io.ts'
import { createLog } from './log.ts'
import { embeddedParts } from './parts.ts'
import type { Environment } from './secrets.ts'

/** What the command line says on top of the configuration file. */
export interface Overrides {
  readonly config?: string
  readonly data?: string
  readonly port?: number
  readonly roles?: readonly Role[]
}

/** The configuration with what the command line said. Throws ConfigError. */
export function loadOverridden({ config: path, data, port, roles }: Overrides, env: Environment): Settings {
  const settings = loadConfig(path, env)
  const { listen } = settings.config
  const config: Config = {
    ...settings.config,
    data: resolve(data ?? settings.config.data),
    listen: port === undefined ? listen : { ...listen, port },
    roles: [...(roles ?? settings.config.roles)],
  }
  return { ...settings, config }
}

/** Runs until a signal says stop or the pipeline dies. Rejects with CommandError when it could not stop in order. */
export async function up(io: Io, overrides: Overrides): Promise<void> {
  const settings = loadOverridden(overrides, io.env)
  const log = createLog(settings.config.log.level, { isTTY: io.watched, write: (line) => process.stderr.write(line) })
  // Asked for before there is anything to stop: a signal while starting is obeyed when all is up, in order.
  const stopped = stopSignal()
  const instance = await startInstance(settings, log)
  for (const line of greeting(instance)) io.out(line)
  const why = await Promise.race([stopped, instance.died.catch(() => 'died' as const)])
  io.out(why === 'died' ? 'the pipeline died; stopping' : `${why}: stopping`)
  await stopWithin(instance, settings.config.limits.shutdownSeconds)
  io.out('stopped; nothing was lost')
  endAnyway()
  if (why === 'died') throw new CommandError('the pipeline died; the log above says why')
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** The first signal asks; a second one, while draining, ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolveSignal) => {
    for (const signal of SIGNALS)
      process.once(signal, () => {
        resolveSignal(signal)
        process.once(signal, () => process.exit(1))
      })
  })
}

async function stopWithin(instance: Instance, seconds: number): Promise<void> {
  const timer = setTimeout(() => {
    console.error(`belay: not stopped after ${seconds} s; what was not acknowledged comes again at the next start`)
    process.exit(1)
  }, seconds * 1000)
  await instance.stop()
  clearTimeout(timer)
}

/** kafkajs can leave a connection behind that nobody holds after a broker came back, and it would keep the process. */
function endAnyway(): void {
  setTimeout(() => process.exit(), 500).unref()
}

/** What a newcomer needs to go on. */
function greeting({ url, parts }: Instance): readonly string[] {
  const { settings } = parts
  const { config } = settings
  const embedded = embeddedParts(settings)
  const token = config.tokens.length + config.logins.length > 0 ? ` -H "authorization: Bearer $BELAY_TOKEN"` : ''
  return [
    `belay is up on ${url}`,
    `  roles      ${config.roles.join(', ')}`,
    `  embedded   ${embedded.length > 0 ? embedded.join('; ') : 'nothing'}`,
    ...(config.kafka ? [`  Kafka      ${config.kafka.brokers.join(', ')}, topic ${config.kafka.topics.events}`] : []),
    ...(config.clickhouse ? [`  ClickHouse ${config.clickhouse.url}`] : []),
    ...(config.redis ? [`  Redis      ${config.redis.url}`] : []),
    `  data       ${config.data}`,
    `  mode       ${config.detection.mode === 'enforce' ? 'enforce: sessions are contained' : 'monitor: containment is planned, not delivered'}`,
    `  gateways   ${config.containment.gateways.map(({ name }) => name).join(', ') || 'none told; PEPs may ask GET /v1/decisions'}`,
    `  health     ${url}/readyz   metrics ${url}/metrics   sessions: belay sessions`,
    'send an event:',
    `  curl -sS${token} -H "content-type: application/cloudevents+json" ${url}/v1/events -d '${sampleEvent()}'`,
  ]
}

/** The minimal valid event, of this moment. */
function sampleEvent(): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `hello-${Date.now().toString(36)}`,
    source: 'urn:pep:hello',
    type: 'agent.tool.event.v1',
    time: new Date().toISOString(),
    data: {
      op: 'tools/call',
      phase: 'response',
      call_id: 'c1',
      agent: { id: 'hello-bot' },
      session: { id: 's1' },
      server: { id: 'files' },
      tool: { name: 'read_file' },
      result: { status: 'ok' },
    },
  })
}
