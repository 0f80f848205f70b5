#!/usr/bin/env node
import { CommanderError } from 'commander'
import { ConfigError } from './config.ts'
import { CommandError, EXIT, processIo } from './io.ts'
import { createProgram } from './program.ts'

const io = processIo()
try {
  await createProgram(io).parseAsync(process.argv)
} catch (error) {
  process.exitCode = exitCodeOf(error)
  if (!(error instanceof CommanderError)) io.err(told(error))
}

/**
 * Commander has printed its own message already. An error with a code was foreseen, and its message says what to do;
 * only what was not foreseen shows its stack.
 */
function told(error: unknown): string {
  if (!(error instanceof Error)) return `belay: ${String(error)}`
  const { code } = error as { readonly code?: unknown }
  if (code === 'EADDRINUSE') return `belay: ${error.message}; another process listens there (--port takes another one)`
  return typeof code === 'string' ? `belay: ${error.message}` : `belay: ${error.stack ?? error.message}`
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.misused
  if (error instanceof CommandError) return error.exitCode
  return error instanceof ConfigError ? EXIT.misused : EXIT.failed
}
