import { Command } from 'commander'
import type { Target } from '../../model/index.ts'
import type { ContainmentRow } from '../../web/containments.ts'
import { type Client, createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, EXIT, type Io } from '../io.ts'
import { printable } from '../table.ts'
import { onTarget, type TargetOptions, targetOf } from '../target.ts'

interface Options extends InstanceOptions, TargetOptions {
  readonly reason: string
  readonly json?: boolean
}

export function releaseCommand(io: Io): Command {
  return onTarget(onInstance(new Command('release')))
    .argument('[id]', 'containment id')
    .description('ends one containment, or what people ordered for a target; others of the same target stay')
    .option('--reason <text>', 'why; kept in the history', 'released by hand')
    .option('--json', 'JSON instead of text')
    .addHelpText('after', EXAMPLES)
    .action((id: string | undefined, options: Options) => release(io, id, options))
}

const EXAMPLES = `
Examples:
  belay release 4be1c2 --reason "false alarm, the vendor is known"
  belay release --role invoice-bot --reason "the kill switch is no longer needed"`

async function release(io: Io, id: string | undefined, options: Options): Promise<void> {
  const client = createClient(options)
  const ids = id === undefined ? await orderedFor(client, targetOf(options)) : [id]
  for (const one of ids) {
    const path = `/v1/containments/${encodeURIComponent(one)}/release`
    const row = (await client.post(path, { reason: options.reason })) as ContainmentRow
    if (options.json === true) io.out(JSON.stringify(row))
    else io.out(`${row.containment_id}: ${row.state}, ${row.target.kind} ${printable(row.target.id)} is free of it`)
  }
}

/** What Belay ordered by itself is freed by id only: it may have another reason than the one a person knows. */
async function orderedFor(client: Client, target: Target): Promise<readonly string[]> {
  const { containments } = (await client.get('/v1/containments')) as {
    readonly containments: readonly ContainmentRow[]
  }
  const ids = containments.flatMap(({ containment_id: id, target: of, cause }) =>
    cause === 'operator' && of.kind === target.kind && of.id === target.id && of.agent === target.agent ? [id] : [],
  )
  if (ids.length === 0)
    throw new CommandError(`nobody contained ${target.kind} ${printable(target.id)} by hand`, EXIT.failed)
  return ids
}
