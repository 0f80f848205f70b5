import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const ARGUMENTS = ['--import', 'tsx', '--conditions=source', 'src/run/main.ts']

/** A process that does not answer at all fails its test here, and not by the test's own time. */
const ANSWER_TIMEOUT_MS = 30_000

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a command to its end. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin = ''): Promise<Ran> {
  const child = spawned(args, env)
  child.stdin.end(stdin)
  const [out, err] = [text(child.stdout), text(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: await out, err: await err }
}

async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** `belay up` as a process of its own, known to be up by what it says. */
export class RunningBelay {
  readonly url: string
  readonly pid: number
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  private readonly lines: readonly string[]
  private readonly errors: readonly string[]

  private constructor(
    url: string,
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    said: { readonly lines: readonly string[]; readonly errors: readonly string[] },
  ) {
    this.url = url
    this.child = child
    this.pid = child.pid ?? 0
    this.lines = said.lines
    this.errors = said.errors
  }

  /** Resolves when it listens; rejects with what it said when it ended before. */
  static async start(args: readonly string[], env: NodeJS.ProcessEnv = {}, stdin = ''): Promise<RunningBelay> {
    const child = spawned(['up', '--port', '0', ...args], env)
    endWithUs(child)
    // The process may have let go of it already.
    child.stdin.on('error', () => undefined).end(stdin)
    const lines: string[] = []
    const errors: string[] = []
    createInterface({ input: child.stderr }).on('line', (line) => errors.push(line))
    const said = createInterface({ input: child.stdout })
    return new Promise((resolve, reject) => {
      said.on('line', (line) => {
        lines.push(line)
        const url = /^belay is up on (\S+)$/.exec(lines[0] ?? '')?.[1]
        // The curl line is the last one of the greeting.
        if (url !== undefined && line.startsWith('  curl ')) resolve(new RunningBelay(url, child, { lines, errors }))
      })
      child.once('close', (code) =>
        reject(new Error(`belay up ended with ${code}:\n${[...lines, ...errors].join('\n')}`)),
      )
    })
  }

  /** All it said so far on standard output. */
  get said(): string {
    return this.lines.join('\n')
  }

  /** All it logged so far. */
  get complaints(): string {
    return this.errors.join('\n')
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const closed = once(this.child, 'close') as Promise<[number | null]>
    this.child.kill(signal)
    const [code] = await closed
    return code
  }

  async get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(new URL(path, this.url), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    return { status: response.status, body: await response.text() }
  }

  async post(path: string, body: object, contentType = 'application/json'): Promise<Response> {
    return this.send(path, Buffer.from(JSON.stringify(body)), { 'content-type': contentType })
  }

  /** Any bytes, as they are. */
  async send(
    path: string,
    body: Uint8Array<ArrayBuffer>,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    return fetch(new URL(path, this.url), { method: 'POST', headers, body })
  }
}

const running = new Set<ChildProcessByStdio<Writable, Readable, Readable>>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A test that is broken off leaves no process behind. */
function endWithUs(child: ChildProcessByStdio<Writable, Readable, Readable>): void {
  running.add(child)
  child.once('close', () => running.delete(child))
}

function spawned(args: readonly string[], env: NodeJS.ProcessEnv) {
  return spawn(process.execPath, [...ARGUMENTS, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}
