import { SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

export interface Progress {
  /** `total` where it is known */
  at(done: number, total?: number): void
  end(): void
}

const LINE_EVERY_MS = 5_000

/** A bar where a person watches; elsewhere a plain line now and then, so that a log shows that work goes on. */
export function startProgress(io: Io, what: string): Progress {
  return io.watched ? bar(what) : lines(io, what)
}

function bar(what: string): Progress {
  let isKnown = false
  const single = new SingleBar({
    format: (_options, { value, total }) => {
      if (!isKnown) return `${what}: ${value}`
      const filled = Math.round((30 * value) / Math.max(1, total))
      return `${what}: ${'\u2588'.repeat(filled)}${'\u2591'.repeat(30 - filled)} ${value}/${total}`
    },
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  })
  single.start(1, 0)
  return {
    at(done, total) {
      isKnown = total !== undefined
      single.setTotal(total ?? done + 1)
      single.update(done)
    },
    end: () => single.stop(),
  }
}

function lines(io: Io, what: string): Progress {
  let nextMs = Date.now() + LINE_EVERY_MS
  return {
    at(done, total) {
      if (Date.now() < nextMs) return
      io.err(`${what}: ${done}${total === undefined ? '' : ` of ${total}`}`)
      nextMs = Date.now() + LINE_EVERY_MS
    },
    end: () => undefined,
  }
}
