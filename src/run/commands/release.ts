import { Command } from 'commander'
import type { ContainmentRow } from '../../web/containments.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { printable } from '../table.ts'

interface Options extends InstanceOptions {
  readonly reason: string
  readonly json?: boolean
}

export function releaseCommand(io: Io): Command {
  return onInstance(new Command('release'))
    .argument('<id>', 'containment id')
    .description('ends one containment; others of the same target stay')
    .option('--reason <text>', 'why; kept in the history', 'released by hand')
    .option('--json', 'JSON instead of text')
    .addHelpText('after', EXAMPLES)
    .action((id: string, options: Options) => release(io, id, options))
}

const EXAMPLES = `
Examples:
  belay release 4be1c2 --reason "false alarm, the vendor is known"`

async function release(io: Io, id: string, options: Options): Promise<void> {
  const path = `/v1/containments/${encodeURIComponent(id)}/release`
  const row = (await createClient(options).post(path, { reason: options.reason })) as ContainmentRow
  if (options.json === true) return io.out(JSON.stringify(row))
  io.out(`${row.containment_id}: ${row.state}, ${row.target.kind} ${printable(row.target.id)} is free of it`)
}
