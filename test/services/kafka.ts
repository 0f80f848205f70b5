import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, onPath, type Service, unavailable, Warded } from './service.ts'

/** One real single-node KRaft Apache Kafka, from the jars that Maven Central publishes. */
export interface KafkaBroker {
  readonly brokers: readonly string[]
  /** clean shutdown */
  stop(): Promise<void>
  /** kill -9 */
  kill(): Promise<void>
  /** starts it again on the same data and port */
  start(): Promise<void>
}

const VERSION = '4.3.1'
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk'
const START_TIMEOUT_MS = 60_000

let shared: Promise<Service<KafkaBroker>> | undefined

/** The broker of this test process: started on first use, gone with the process. */
export function kafkaBroker(): Promise<Service<KafkaBroker>> {
  shared ??= ownKafkaBroker()
  return shared
}

/** A broker of the caller's own, for tests that kill it. */
export async function ownKafkaBroker(): Promise<Service<KafkaBroker>> {
  if (!onPath('java')) return unavailable('Kafka', 'there is no java on the PATH')
  const jars = fetchJars()
  if (jars === undefined) return unavailable('Kafka', 'its jars are not cached and there is no mvn that can fetch them')
  const broker = new Broker(jars, await freePort(), await freePort())
  await broker.start()
  return { available: true, service: broker }
}

function fetchJars(): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belay-test', `kafka-${VERSION}`)
  if (existsSync(join(cache, '.complete'))) return cache
  if (!onPath('mvn')) return undefined
  mkdirSync(cache, { recursive: true })
  const pom = join(cache, 'pom.xml')
  writeFileSync(pom, POM)
  const run = spawnSync(
    'mvn',
    ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${cache}`],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if (run.status !== 0) return undefined
  writeFileSync(join(cache, '.complete'), '')
  return cache
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`

class Broker implements KafkaBroker {
  readonly brokers: readonly string[]
  private readonly dir = mkdtempSync(join(tmpdir(), 'belay-kafka-'))
  private readonly jars: string
  private readonly port: number
  private server: Warded | undefined

  constructor(jars: string, port: number, controllerPort: number) {
    this.jars = jars
    this.port = port
    this.brokers = [`127.0.0.1:${port}`]
    writeFileSync(join(this.dir, 'server.properties'), properties(this.dir, port, controllerPort))
    const format = this.java([
      'kafka.tools.StorageTool',
      'format',
      '-t',
      CLUSTER_ID,
      '-c',
      join(this.dir, 'server.properties'),
    ])
    const run = spawnSync('java', format, { encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`formatting Kafka's log directory failed: ${run.stdout}${run.stderr}`)
    process.once('exit', () => {
      rmSync(this.dir, { recursive: true, force: true })
    })
  }

  async start(): Promise<void> {
    const log = openSync(join(this.dir, 'server.log'), 'a')
    const server = new Warded(['java', ...this.java(['kafka.Kafka', join(this.dir, 'server.properties')])], log)
    this.server = server
    const endsMs = Date.now() + START_TIMEOUT_MS
    while (!(await accepts(this.port))) {
      if (server.ended || Date.now() > endsMs)
        throw new Error(`Kafka did not start: ${readFileSync(join(this.dir, 'server.log'), 'utf8').slice(-2000)}`)
      await delay(100)
    }
  }

  async stop(): Promise<void> {
    await this.server?.end('TERM')
  }

  async kill(): Promise<void> {
    await this.server?.end('KILL')
  }

  private java(args: readonly string[]): string[] {
    const options = [
      '-Xms128m',
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=4',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    ]
    return [...options, '-cp', join(this.jars, '*'), ...args]
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function properties(dir: string, port: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${dir}/data
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
`
}
