import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'

/** A real service a test needs, or the one line that says why the tests that need it are skipped. */
export type Service<T> =
  | { readonly available: true; readonly service: T }
  | { readonly available: false; readonly why: string }

/** With BELAY_REQUIRE_SERVICES=1 a service that cannot be started is a failure, so that CI never passes by skipping. */
export function unavailable<T>(name: string, why: string): Service<T> {
  if (process.env.BELAY_REQUIRE_SERVICES === '1') throw new Error(`${name} is required here but ${why}`)
  console.warn(`skipped: tests on a real ${name} (${why})`)
  return { available: false, why }
}

export function onPath(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
}

/** A TCP port on 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return address.port
}

/**
 * Runs the server and waits for the name of a signal on its input. Whatever ends the test process closes that pipe,
 * which ends the server too: a killed test leaves none behind.
 */
const WARDEN = 'signal=KILL; "$@" & read -r told && signal=$told; kill -"$signal" $!; wait $!'

/** A server process that ends with the process that started it, however that ends. */
export class Warded {
  readonly child: ChildProcess

  constructor(command: readonly string[], output: number | 'pipe') {
    this.child = spawn('sh', ['-c', WARDEN, 'warded', ...command], { stdio: ['pipe', output, output] })
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  async end(signal: 'TERM' | 'KILL'): Promise<void> {
    if (this.ended) return
    const exited = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.stdin?.end(`${signal}\n`)
    await exited
  }
}
