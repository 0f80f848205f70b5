import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A load generator in a process of its own, so that it does not share the event loop with what is measured. */
export class Child<Result> {
  private readonly process: ChildProcess
  private readonly waiting: { resolve(result: Result): void; reject(error: Error): void }[] = []

  /** `script` reads tasks with `serve`. */
  constructor(script: URL) {
    this.process = fork(script)
    this.process.on('message', (result) => this.waiting.shift()?.resolve(result as Result))
    this.process.once('exit', (code) => {
      for (const one of this.waiting.splice(0)) one.reject(new Error(`${script.pathname} ended with ${code}`))
    })
  }

  /** One task after the other: resolves with what the child answers. */
  run(task: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.process.send(task as object)
    })
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null) return
    const gone = once(this.process, 'exit')
    this.process.kill('SIGKILL')
    await gone
  }
}

/** The child's side: answers each task in turn. A task that fails ends the child. */
export function serve<Task>(answer: (task: Task) => Promise<unknown>): void {
  let turn = Promise.resolve()
  process.on('message', (task) => {
    turn = turn.then(async () => {
      process.send?.(await answer(task as Task))
    })
  })
  process.once('disconnect', () => process.exit(0))
}
