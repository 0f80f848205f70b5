import { Command, Option } from 'commander'
import { LEVELS } from '../../model/index.ts'
import type { ContainmentRow } from '../../web/containments.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { count } from '../options.ts'
import { printable } from '../table.ts'
import { onTarget, type TargetOptions, targetOf } from '../target.ts'

interface Options extends InstanceOptions, TargetOptions {
  readonly action: string
  readonly reason: string
  readonly minutes: number
  readonly json?: boolean
}

export function containCommand(io: Io): Command {
  return onTarget(onInstance(new Command('contain')))
    .description('contains by hand: a session, tool or server, or everything of an agent, user, role or tenant')
    .addOption(new Option('--action <level>', 'what PEPs are told').choices(LEVELS.slice(1)).default('suspend_session'))
    .requiredOption('--reason <text>', 'why; kept in the history')
    .option('--minutes <n>', 'how long', count, 240)
    .option('--json', 'JSON instead of text')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => contain(io, options))
}

const EXAMPLES = `
Examples:
  belay contain --session run-77 --agent invoice-bot --reason "asked for by finance"
  belay contain --role invoice-bot --reason "kill switch"
  belay contain --tool bank/send_money --action quarantine_tool --minutes 60 --reason "rug pull"`

async function contain(io: Io, options: Options): Promise<void> {
  const { action, reason, minutes } = options
  const body = { action, reason, target: targetOf(options), lease_minutes: minutes }
  const row = (await createClient(options).post('/v1/containments', body)) as ContainmentRow
  if (options.json === true) return io.out(JSON.stringify(row))
  const target = `${row.target.kind} ${printable(row.target.id)}`
  io.out(`${row.containment_id}: ${row.action} of ${target} until ${row.expires_at} (${row.state})`)
  io.out(`undo: belay release ${row.containment_id}`)
}
