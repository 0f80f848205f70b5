import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

export const INTEGRATION = join(import.meta.dirname, '../../integrations/python')

/** A Python process that runs the client as python-driver.py says: one command, one answer. */
export class PythonDriver {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>
  private readonly answers: AsyncIterator<string>

  constructor(command: string) {
    this.child = spawn(command, [join(import.meta.dirname, 'python-driver.py')], {
      env: { ...process.env, PYTHONPATH: INTEGRATION, PYTHONDONTWRITEBYTECODE: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]()
  }

  async run<T = Readonly<Record<string, unknown>>>(command: object): Promise<T> {
    this.child.stdin.write(`${JSON.stringify(command)}\n`)
    const answer = await this.answers.next()
    if (answer.done === true) throw new Error(`the Python driver ended at ${JSON.stringify(command).slice(0, 200)}`)
    return JSON.parse(answer.value) as T
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    const closed = once(this.child, 'close')
    this.child.stdin.end()
    await closed
  }
}
