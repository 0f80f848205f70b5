import { Command } from 'commander'
import type { BaselineRow } from '../../web/query.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'
import { baselineVersionCommands } from './baseline-versions.ts'

interface Options extends InstanceOptions {
  readonly json?: boolean
}

export function baselinesCommand(io: Io): Command {
  const list = onInstance(new Command('list'))
    .description('the baseline of every role and its state')
    .option('--json', 'JSON instead of a table')
    .action((options: Options) => listBaselines(io, options))
  const show = onInstance(new Command('show'))
    .argument('<role>', 'role it was learnt for')
    .description('one baseline: what it was learnt from and how it is calibrated')
    .option('--json', 'JSON instead of text')
    .action((role: string, options: Options) => showBaseline(io, role, options))
  const command = new Command('baselines')
    .description('shows what has been learnt as normal')
    .addCommand(list, { isDefault: true })
    .addCommand(show)
    .addHelpText('after', EXAMPLES)
  for (const one of baselineVersionCommands(io)) command.addCommand(one)
  return command
}

const EXAMPLES = `
Examples:
  belay baselines                       every role: learning, active or stale
  belay baselines show invoice-bot      sessions, agents, days, threshold, false containments
  belay baselines diff 4be1c2d3a5f60718 9a0b1c2d3e4f5061   what changed, profile by profile
  belay baselines rollback invoice-bot 4be1c2d3a5f60718 --reason "learnt during the incident"`

async function listBaselines(io: Io, options: Options): Promise<void> {
  const answer = await createClient(options).get('/v1/baselines')
  if (options.json === true) return io.out(JSON.stringify(answer))
  const { baselines } = answer as { readonly baselines: readonly BaselineRow[] }
  io.out(
    table(
      baselines,
      [
        { title: 'ROLE', of: (row) => row.role },
        { title: 'STATE', of: (row) => row.state },
        { title: 'VERSION', of: (row) => row.version },
        { title: 'SESSIONS', of: (row) => row.sessions },
        { title: 'AGENTS', of: (row) => row.agents },
        { title: 'DAYS', of: (row) => row.days },
        { title: 'FALSE CONTAINMENTS', of: (row) => `${row.calibration.achieved} (budget ${row.calibration.budget})` },
      ],
      'nothing learnt yet; `belay learn --events FILE --baseline DIR` seeds from history',
    ),
  )
}

async function showBaseline(io: Io, role: string, options: Options): Promise<void> {
  const answer = await createClient(options).get(`/v1/baselines/${encodeURIComponent(role)}`)
  if (options.json === true) return io.out(JSON.stringify(answer))
  const row = answer as BaselineRow
  const members = [
    ['role', row.role],
    ['state', row.state],
    ['version', row.version],
    ['learnt from', `${row.sessions} sessions of ${row.agents} agents on ${row.days} days, ${row.from} to ${row.to}`],
    ['borrows from', row.parent ?? 'no other role'],
    ['threshold', `${row.calibration.threshold_nats.toFixed(2)} nats`],
    ['false containments', `${row.calibration.achieved} of clean sessions (budget ${row.calibration.budget})`],
  ] as const
  io.out(
    table(
      members,
      [
        { title: '', of: ([name]) => name },
        { title: '', of: ([, value]) => value },
      ],
      '',
    ).trimStart(),
  )
}
