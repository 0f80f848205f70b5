import { SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

export interface Progress {
  /** `total` when it is known by now */
  at(done: number, total?: number): void
  end(): void
}

const LINE_EVERY = 100_000

/** A bar where a person watches; elsewhere a plain line now and then, so that a log shows that work goes on. */
export function startProgress(io: Io, what: string): Progress {
  return io.watched ? bar(what) : lines(io, what)
}

function bar(what: string): Progress {
  const single = new SingleBar({
    format: `${what} {bar} {value}/{total} {duration_formatted}`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  })
  single.start(1, 0)
  return {
    at(done, total) {
      single.setTotal(total ?? done)
      single.update(done)
    },
    end: () => single.stop(),
  }
}

function lines(io: Io, what: string): Progress {
  let next = LINE_EVERY
  return {
    at(done) {
      if (done < next) return
      io.err(`${what}: ${done}`)
      next = done + LINE_EVERY
    },
    end: () => undefined,
  }
}
