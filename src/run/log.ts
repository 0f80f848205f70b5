import { pino } from 'pino'

export type Log = pino.Logger

/** Members that may hold a secret, wherever a log line carries them one or two levels deep. */
const SECRETS = ['authorization', 'token', 'secret', 'secrets', 'password', 'key', 'cookie']
const SECRET_PATHS = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export interface LogTarget {
  readonly isTTY?: boolean
  write(line: string): unknown
}

/** Logs to `target` (standard error): readable lines when a person watches, JSON for everything else. */
export function createLog(level: string, target: LogTarget): Log {
  const options = {
    level,
    base: null,
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  return pino(options, target.isTTY === true ? { write: (line) => target.write(readable(line)) } : asStream(target))
}

function asStream(target: LogTarget): pino.DestinationStream {
  return { write: (line) => void target.write(line) }
}

interface LogLine {
  readonly level: string
  readonly time: string
  readonly msg?: string
  readonly err?: { readonly stack?: string }
  readonly [member: string]: unknown
}

/** `09:18:48 warn  the store refused an insert  attempt=3` and the error's stack below it. */
function readable(line: string): string {
  const { level, time, msg, err, ...rest } = JSON.parse(line) as LogLine
  const members = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const stack = err?.stack
  const parts = [time.slice(11, 19), level.padEnd(5), msg ?? '', members.join(' ')]
  return `${parts.filter((part) => part !== '').join(' ')}\n${stack === undefined ? '' : `${stack}\n`}`
}
