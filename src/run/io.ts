import type { Environment } from './secrets.ts'

/** How a command talks to whoever called it: results on `out`, everything else on `err`. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** a person watches `err`: progress bars and readable logs make sense */
  readonly watched: boolean
  readonly env: Environment
}

/** 0: done. FAILED: it was tried and did not work. MISUSED: the call or the configuration is wrong, nothing was tried. */
export const EXIT = { failed: 1, misused: 2 } as const

/** A command that cannot go on; the message says what to do, and no stack is shown. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code = 'COMMAND_FAILED'
  readonly exitCode: number
  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export function processIo(): Io {
  // `belay sessions | head` closes the pipe early; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    watched: process.stderr.isTTY === true,
    env: process.env,
  }
}
