import { spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { parse, stringify } from 'yaml'
import { INTEGRATION } from '../pep/driver.ts'
import { freePort, Warded } from '../services/service.ts'

const JWT_SECRET = 'a secret of these tests that is long enough'
const ADMIN = 'admin@example.com'
const START_TIMEOUT_MS = 300_000

/** ContextForge with Belay's plugin in a process of its own; its database is new each time. */
export class ContextForge {
  readonly url: string
  private readonly server: Warded
  private readonly token: string
  private readonly log: string

  private constructor(url: string, server: Warded, token: string, log: string) {
    this.url = url
    this.server = server
    this.token = token
    this.log = log
  }

  /** `settings` go into the plugin's `config` of the configuration that is shipped with it. */
  static async start(interpreter: string, folder: string, settings: object, env: NodeJS.ProcessEnv) {
    mkdirSync(folder, { recursive: true })
    const port = await freePort()
    const shipped = parse(readFileSync(join(INTEGRATION, 'contextforge.yaml'), 'utf8')) as {
      plugins: { config: object }[]
    }
    const plugins = shipped.plugins.map((plugin) => ({ ...plugin, config: { ...plugin.config, ...settings } }))
    writeFileSync(join(folder, 'plugins.yaml'), stringify({ ...shipped, plugins }))
    const log = join(folder, 'contextforge.log')
    const output = openSync(log, 'a')
    copyFileSync(databaseOf(interpreter), join(folder, 'gateway.db'))
    const command = ['-m', 'uvicorn', 'mcpgateway.main:app', '--host', '127.0.0.1', '--port', String(port)]
    const server = new Warded(
      ['env', ...assignments({ ...gatewayEnv(folder), ...env }), interpreter, ...command, '--log-level', 'warning'],
      output,
    )
    closeSync(output)
    const url = `http://127.0.0.1:${port}`
    const endsMs = Date.now() + START_TIMEOUT_MS
    while (!(await answers(`${url}/health`))) {
      if (server.ended || Date.now() > endsMs)
        throw new Error(`ContextForge did not start: ${readFileSync(log, 'utf8').slice(-2000)}`)
      await delay(200)
    }
    return new ContextForge(url, server, tokenOf(interpreter), log)
  }

  /** Registers an MCP server behind it. */
  async register(name: string, url: string): Promise<void> {
    const response = await fetch(`${this.url}/gateways`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name, url, transport: 'STREAMABLEHTTP' }),
    })
    if (!response.ok) throw new Error(`ContextForge did not register ${name}: ${await response.text()}`)
  }

  /** A client of the official SDK, as an agent in one session. */
  async connect(agent: string, session: string): Promise<Client> {
    const headers = {
      authorization: `Bearer ${this.token}`,
      'x-agent-id': agent,
      'x-agent-role': 'clerk',
      'x-session-id': session,
    }
    const client = new Client({ name: agent, version: '1.0.0' })
    const transport = new StreamableHTTPClientTransport(new URL(`${this.url}/mcp`), { requestInit: { headers } })
    // Its optional members are written without `undefined`, unlike the interface's.
    await client.connect(transport as Parameters<Client['connect']>[0])
    return client
  }

  get logged(): string {
    return readFileSync(this.log, 'utf8')
  }

  stop(): Promise<void> {
    return this.server.end('TERM')
  }
}

/** A new gateway's database, made once per environment: its migrations take longer than all else. */
function databaseOf(interpreter: string): string {
  const home = join(dirname(interpreter), '..')
  const file = join(home, 'gateway.db')
  if (existsSync(file)) return file
  rmSync(`${file}.new`, { force: true })
  const env = { ...process.env, ...gatewayEnv(home), DATABASE_URL: `sqlite:///${file}.new`, PLUGINS_ENABLED: 'false' }
  const made = spawnSync(interpreter, ['-m', 'mcpgateway.bootstrap_db'], { encoding: 'utf8', env })
  if (made.status !== 0) throw new Error(`ContextForge made no database: ${made.stderr.slice(-2000)}`)
  renameSync(`${file}.new`, file)
  return file
}

function gatewayEnv(folder: string): NodeJS.ProcessEnv {
  return {
    PYTHONPATH: INTEGRATION,
    PYTHONDONTWRITEBYTECODE: '1',
    DATABASE_URL: `sqlite:///${join(folder, 'gateway.db')}`,
    JWT_SECRET_KEY: JWT_SECRET,
    AUTH_ENCRYPTION_SECRET: `another ${JWT_SECRET}`,
    BASIC_AUTH_PASSWORD: 'Xy9-basic-of-these-tests',
    PLATFORM_ADMIN_EMAIL: ADMIN,
    PLATFORM_ADMIN_PASSWORD: 'Xy9-admin-of-these-tests',
    DEFAULT_USER_PASSWORD: 'Xy9-user-of-these-tests',
    PLUGINS_ENABLED: 'true',
    PLUGINS_CONFIG_FILE: join(folder, 'plugins.yaml'),
    MCPGATEWAY_UI_ENABLED: 'false',
    SSRF_ALLOW_LOCALHOST: 'true',
    CACHE_TYPE: 'memory',
    LOG_LEVEL: 'WARNING',
    RATE_LIMITING_ENABLED: 'false',
  }
}

function assignments(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`)
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

function tokenOf(interpreter: string): string {
  const args = ['-m', 'mcpgateway.utils.create_jwt_token', '--username', ADMIN, '--exp', '600', '--secret', JWT_SECRET]
  const made = spawnSync(interpreter, args, { encoding: 'utf8', env: { ...process.env, JWT_SECRET_KEY: JWT_SECRET } })
  const token = made.stdout.trim().split('\n').at(-1)
  if (made.status !== 0 || !token) throw new Error(`no token was made: ${made.stderr}`)
  return token
}

/**
 * The official server-everything over streamable HTTP, behind a proxy that counts the tool calls that reach it: whether
 * a refused call was really held back shows here and nowhere else.
 */
export class Everything {
  readonly calls = new Map<string, number>()
  private readonly server: Warded
  private readonly proxy: Server

  private constructor(server: Warded, proxy: Server) {
    this.server = server
    this.proxy = proxy
  }

  static async start(): Promise<Everything> {
    const port = await freePort()
    const main = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js')
    const server = new Warded(['env', `PORT=${port}`, process.execPath, main, 'streamableHttp'], 'pipe')
    for (const stream of [server.child.stdout, server.child.stderr]) stream?.resume()
    const proxy = createServer()
    const everything = new Everything(server, proxy)
    proxy.on('request', (incoming, response) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const body = Buffer.concat(chunks)
        everything.count(body)
        const { method, headers, url: path } = incoming
        const onward = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        })
        onward.on('error', () => response.destroy())
        response.on('close', () => onward.destroy())
        onward.end(body)
      })
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    const endsMs = Date.now() + START_TIMEOUT_MS
    while (!(await listens(`http://127.0.0.1:${port}/mcp`))) {
      if (server.ended || Date.now() > endsMs) throw new Error('server-everything did not start')
      await delay(100)
    }
    return everything
  }

  get url(): string {
    return `http://127.0.0.1:${(this.proxy.address() as AddressInfo).port}/mcp`
  }

  async stop(): Promise<void> {
    this.proxy.closeAllConnections()
    this.proxy.close()
    await this.server.end('TERM')
  }

  private count(body: Buffer): void {
    if (body.byteLength === 0) return
    const message = JSON.parse(body.toString()) as { method?: string; params?: { name?: string } }
    const name = message.method === 'tools/call' ? message.params?.name : undefined
    if (name !== undefined) this.calls.set(name, (this.calls.get(name) ?? 0) + 1)
  }
}

async function listens(url: string): Promise<boolean> {
  try {
    await fetch(url)
    return true
  } catch {
    return false
  }
}
