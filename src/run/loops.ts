import type { Log } from './log.ts'

interface Running {
  readonly stopper: AbortController
  readonly done: Promise<void>
}

/** What a process does again and again, by name, each until it is told to stop. */
export class Loops {
  /** Rejects when a loop that must not end has ended by an error; pending while all is well. */
  readonly died: Promise<never>
  private readonly log: Log
  private readonly running = new Map<string, Running>()
  private die: (error: unknown) => void = () => undefined

  constructor(log: Log) {
    this.log = log
    this.died = new Promise<never>((_resolve, reject) => {
      this.die = reject
    })
    // Whoever runs the process waits for it; one who does not must not be ended by an unhandled rejection.
    this.died.catch(() => undefined)
  }

  /** Runs `work` until its signal aborts. When it throws, the process cannot do its work any more. */
  run(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    const stopper = new AbortController()
    const done = work(stopper.signal).catch((err: unknown) => {
      this.log.error({ err, loop: name }, 'a loop ended by an error')
      this.die(err)
    })
    this.running.set(name, { stopper, done })
  }

  /** Runs `step` every `ms`, never twice at once. A step that fails is logged and comes again. */
  every(name: string, ms: number, step: () => Promise<void>): void {
    let inHand: Promise<void> | undefined
    const stopper = new AbortController()
    const timer = setInterval(() => {
      inHand ??= step()
        .catch((err: unknown) => this.log.warn({ err, loop: name }, 'a step failed; it comes again'))
        .finally(() => {
          inHand = undefined
        })
    }, ms)
    const done = new Promise<void>((resolve) => {
      stopper.signal.addEventListener('abort', () => {
        clearInterval(timer)
        resolve(inHand)
      })
    })
    this.running.set(name, { stopper, done })
  }

  async stop(name: string): Promise<void> {
    const loop = this.running.get(name)
    loop?.stopper.abort()
    await loop?.done
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.running.keys()].map((name) => this.stop(name)))
  }
}
