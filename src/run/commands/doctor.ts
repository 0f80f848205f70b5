import { Command } from 'commander'
import type { Role } from '../config-schema.ts'
import { CommandError, type Io } from '../io.ts'
import { printable } from '../table.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly roles?: readonly Role[]
  readonly json?: boolean
}

export function doctorCommand(io: Io): Command {
  return new Command('doctor')
    .description('checks the configuration, then each part that it names, and says what to do')
    .option('--config <file>', 'configuration (YAML)')
    .option('--data <dir>', 'folder for everything embedded (default: .belay)')
    .option('--json', 'JSON instead of text')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => examine(io, options))
}

const EXAMPLES = `
Examples:
  belay doctor                          the embedded parts
  belay doctor --config belay.yaml      Kafka, ClickHouse, Redis and gateways too

Exit code 1 when a check fails; warnings do not count.`

const MARK = { ok: 'ok  ', warning: 'WARN', failed: 'FAIL' } as const

async function examine(io: Io, { json, ...overrides }: Options): Promise<void> {
  const { loadOverridden } = await import('../up.ts')
  const { checksFor, runChecks } = await import('../doctor.ts')
  const settings = loadOverridden(overrides, io.env)
  const results = await runChecks(checksFor(settings), (result) => {
    if (json === true) return
    io.out(`${MARK[result.state]} ${result.name}: ${printable(result.detail)}`)
    if (result.todo !== undefined) io.out(`     -> ${printable(result.todo)}`)
  })
  if (json === true) io.out(JSON.stringify({ checks: results }))
  const failed = results.filter((result) => result.state === 'failed').length
  if (failed > 0) throw new CommandError(`${failed} of ${results.length} checks failed`)
}
