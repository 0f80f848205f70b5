import { Command, Option } from 'commander'
import { LEVELS } from '../../model/index.ts'
import type { ContainmentRow } from '../../web/containments.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, EXIT, type Io } from '../io.ts'
import { count } from '../options.ts'
import { printable } from '../table.ts'

interface Options extends InstanceOptions {
  readonly session?: string
  readonly agent?: string
  readonly user?: string
  readonly tool?: string
  readonly server?: string
  readonly action: string
  readonly reason: string
  readonly minutes: number
  readonly json?: boolean
}

export function containCommand(io: Io): Command {
  return onInstance(new Command('contain'))
    .description('contains a session, agent, user, tool or server by hand')
    .option('--session <id>', 'this session (with --agent: of this agent only)')
    .option('--agent <id>', 'this agent, in all its sessions')
    .option('--user <id>', 'everything done for this user')
    .option('--tool <server/name>', 'this tool, for the whole fleet')
    .option('--server <id>', 'this server, for the whole fleet')
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

function targetOf({ session, agent, user, tool, server }: Options): { kind: string; id: string; agent?: string } {
  if (session !== undefined && [user, tool, server].every((other) => other === undefined))
    return { kind: 'session', id: session, ...(agent !== undefined && { agent }) }
  const named = Object.entries({ session, agent, user, tool, server }).filter(([, id]) => id !== undefined)
  const [target, second] = named
  if (target?.[1] === undefined || second !== undefined)
    throw new CommandError('say one of --session, --agent, --user, --tool, --server', EXIT.misused)
  return { kind: target[0], id: target[1] }
}
