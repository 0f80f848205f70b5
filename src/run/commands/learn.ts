import { resolve } from 'node:path'
import { Command } from 'commander'
import type { Snapshot } from '../../baseline/snapshot.ts'
import { loadConfig } from '../config.ts'
import { CommandError, type Io } from '../io.ts'
import type { LearntFromFiles } from '../learn-files.ts'
import { table } from '../table.ts'

interface Options {
  readonly events: readonly string[]
  readonly baseline: string
  readonly config?: string
  readonly json?: boolean
}

export function learnCommand(io: Io): Command {
  return new Command('learn')
    .description('builds baselines from event files, as the learn job does from the store')
    .requiredOption('--events <files...>', 'event files: .ndjson, .ndjson.gz, - for standard input')
    .requiredOption('--baseline <dir>', 'folder for the baselines and the key of their fingerprints')
    .option('--config <file>', 'configuration: time zones, minimums, budget, keys')
    .option('--json', 'JSON instead of a table')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => learn(io, options))
}

const EXAMPLES = `
Examples:
  belay learn --events history.ndjson.gz --baseline baselines
  belay learn --events jan.ndjson feb.ndjson --baseline .belay/baselines    seeds \`belay up\``

async function learn(io: Io, { events, baseline, config, json }: Options): Promise<void> {
  const { learnFiles } = await import('../learn-files.ts')
  const learnt = await learnFiles(loadConfig(config, io.env), io, events, resolve(baseline))
  if (json === true) io.out(JSON.stringify(report(learnt)))
  else print(io, learnt)
  if (learnt.events === 0) throw new CommandError('no event could be read, so nothing was learnt')
}

function report({ events, rejected, snapshots }: LearntFromFiles) {
  return { events, rejected, roles: snapshots.map(roleOf) }
}

function roleOf({ tenant, role, state, sessions, agents, days, calls, parent, calibration }: Snapshot) {
  const { thresholdNats, budget, achieved } = calibration
  const learnt = { tenant, role, state, sessions, agents, calls, days, ...(parent !== undefined && { parent }) }
  return { ...learnt, threshold_nats: thresholdNats, budget, achieved }
}

function print(io: Io, learnt: LearntFromFiles): void {
  const { events, rejected, roles } = report(learnt)
  io.out(`${events} events read, ${rejected} not taken`)
  io.out(
    table(
      roles,
      [
        { title: 'ROLE', of: (row) => row.role },
        { title: 'STATE', of: (row) => row.state },
        { title: 'SESSIONS', of: (row) => row.sessions },
        { title: 'AGENTS', of: (row) => row.agents },
        { title: 'DAYS', of: (row) => row.days },
        { title: 'THRESHOLD', of: (row) => row.threshold_nats.toFixed(2) },
        { title: 'FALSE CONTAINMENTS', of: (row) => `${row.achieved.toFixed(4)} (budget ${row.budget})` },
      ],
      'no role had a settled, clean session',
    ),
  )
}
