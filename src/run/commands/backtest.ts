import { Command } from 'commander'
import type { RuleProblem } from '../../detect/sigma/load.ts'
import type { BacktestReport, BacktestSide } from '../backtest.ts'
import { CommandError, EXIT, type Io } from '../io.ts'
import { table } from '../table.ts'

interface Options {
  readonly rules: readonly string[]
  readonly against?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
}

export function backtestCommand(io: Io): Command {
  return new Command('backtest')
    .description('judges stored events again by a rule set, and says what it would have found and contained')
    .requiredOption('--rules <paths...>', 'the whole rule set to try: files or folders')
    .option('--against <paths...>', 'the set it is held against (default: no written rules)')
    .option('--from <time>', 'ISO 8601 (default: 30 days before --to)')
    .option('--to <time>', 'ISO 8601 (default: now)')
    .option('--config <file>', 'configuration that names the store')
    .option('--data <dir>', 'folder of an embedded store (default: .belay)')
    .option('--json', 'JSON instead of tables')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => run(io, options))
}

const EXAMPLES = `
Detectors take part as well, by the baselines that stood when each event came. Nothing is delivered. An embedded store
is open to one process at a time: stop the instance first, or give it a ClickHouse server.

Examples:
  belay backtest --rules rules --from 2026-11-01
  belay backtest --rules rules /etc/belay/new --against rules --config belay.yaml --json`

const DAY_MS = 86_400_000

async function run(io: Io, { rules, against = [], from, to, config, data, json }: Options): Promise<void> {
  const toMs = to === undefined ? Date.now() : timeOf('--to', to)
  const fromMs = from === undefined ? toMs - 30 * DAY_MS : timeOf('--from', from)
  if (fromMs >= toMs) throw new CommandError('--from must be before --to', EXIT.misused)
  const { loadOverridden } = await import('../up.ts')
  const { backtest } = await import('../backtest.ts')
  const { openMigratedStore } = await import('../parts/store.ts')
  const { startProgress } = await import('../progress.ts')
  const settings = loadOverridden(
    { ...(config !== undefined && { config }), ...(data !== undefined && { data }) },
    io.env,
  )
  const store = await openMigratedStore(settings)
  const progress = startProgress(io, 'backtest')
  try {
    const request = { fromMs, toMs, rules, against }
    const observe = { swapped: refuse, kept: () => undefined }
    const report = await backtest(settings, { store, observe, progress: (events) => progress.at(events) }, request)
    progress.end()
    io.out(json === true ? JSON.stringify(report) : told(report))
  } finally {
    await store.close()
  }
}

function timeOf(option: string, text: string): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new CommandError(`${option}: ${text} is no time; write it as 2026-11-21T09:00:00Z`, EXIT.misused)
  return ms
}

/** Half a set would give figures that nobody asked for. */
function refuse(_generation: string, _rules: number, failed: readonly RuleProblem[]): void {
  const [first] = failed
  if (first)
    throw new CommandError(`${first.file}:${first.line}: ${first.message} (${failed.length} rules do not load)`)
}

function told({ events, tried, against, changes, exceptions }: BacktestReport): string {
  const sides: readonly (BacktestSide & { readonly set: string })[] = [
    { set: '--rules', ...tried },
    { set: '--against', ...against },
  ]
  return [
    `${events} events`,
    '',
    table(
      sides,
      [
        { title: 'SET', of: (side) => side.set },
        { title: 'FINDINGS', of: (side) => side.findings },
        { title: 'SESSIONS SUSPENDED', of: (side) => side.suspended },
        { title: 'READ-ONLY', of: (side) => side.readOnly },
        { title: 'TOOLS QUARANTINED', of: (side) => side.quarantined },
        { title: 'PEOPLE ASKED PER DAY', of: (side) => side.askedPerDay },
      ],
      '',
    ),
    '',
    table(
      changes,
      [
        { title: 'ROLE', of: (change) => change.role },
        { title: 'CAUSE', of: (change) => change.cause },
        { title: 'GAINED', of: (change) => change.gained },
        { title: 'LOST', of: (change) => change.lost },
      ],
      'both sets find the same',
    ),
    ...(exceptions.length === 0 ? [] : ['', exceptionsTold(exceptions)]),
  ].join('\n')
}

function exceptionsTold(exceptions: BacktestReport['exceptions']): string {
  return table(
    exceptions,
    [
      { title: 'EXCEPTION', of: ({ title }) => title },
      { title: 'OWNER', of: ({ owner }) => owner ?? '' },
      { title: 'WHERE', of: ({ file, line }) => `${file}:${line}` },
      { title: 'SILENCED', of: ({ matches }) => (matches === 0 ? 'never' : matches) },
    ],
    '',
  )
}
