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
  // Commander has printed its own message already; what is not foreseen keeps its stack.
  if (error instanceof CommandError || error instanceof ConfigError) io.err(`belay: ${error.message}`)
  else if (!(error instanceof CommanderError)) console.error(error)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.misused
  if (error instanceof CommandError) return error.exitCode
  return error instanceof ConfigError ? EXIT.misused : EXIT.failed
}
