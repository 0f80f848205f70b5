import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A ClickHouse server for tests: the embedded engine behind HTTP, in a process of its own. */
export interface ClickHouseService {
  readonly url: string
  stop(): Promise<void>
}

const SERVER = fileURLToPath(new URL('./clickhouse-server.ts', import.meta.url))

/** Resolves when it answers. The directory must exist; it holds the server's data. */
export async function startClickHouse(directory: string): Promise<ClickHouseService> {
  const child = spawn(process.execPath, ['--import', 'tsx', SERVER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await Promise.race([
    once(child.stdout, 'data').then(([line]) => Number(String(line))),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`ClickHouse for tests ended with ${String(code)}`))),
  ])
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}
