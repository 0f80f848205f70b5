import { writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { Hunt } from '../../store/hunts.ts'
import type { HuntAnswer } from '../../web/hunt.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, EXIT, type Io } from '../io.ts'
import { count } from '../options.ts'
import { table } from '../table.ts'

interface Options extends InstanceOptions {
  readonly set: readonly string[]
  readonly format: 'table' | 'json' | 'csv' | 'parquet'
  readonly out?: string
  readonly limit: number
  readonly json?: boolean
}

export function huntCommand(io: Io): Command {
  return onInstance(new Command('hunt'))
    .description('asks the stored events, sessions and findings: a named hunt, or a SELECT of your own')
    .argument('[hunt]', 'name of a hunt, or SQL; all hunts are listed when left out')
    .option('--set <name=value...>', 'parameters of the hunt', [])
    .addOption(
      new Option('--format <format>', 'how the rows are written')
        .choices(['table', 'json', 'csv', 'parquet'])
        .default('table'),
    )
    .option('--out <file>', 'into this file; needed for Parquet')
    .option('--limit <n>', 'at most so many rows', count, 1_000)
    .option('--json', 'the same as --format json')
    .addHelpText('after', EXAMPLES)
    .action((hunt: string | undefined, options: Options) => run(io, hunt, options))
}

const EXAMPLES = `
Read-only, of your own tenant, over the views of docs/analyst.md: one SELECT within limits of time, memory and rows.

Examples:
  belay hunt                                            the named hunts
  belay hunt rare-transitions --set days=7 sessions=1
  belay hunt "SELECT tool, count() FROM tool_calls GROUP BY tool"
  belay hunt riskiest-sessions --format parquet --out risky.parquet`

async function run(io: Io, asked: string | undefined, { json, ...options }: Options): Promise<void> {
  const format = json === true ? 'json' : options.format
  const client = createClient(options)
  if (asked === undefined) {
    const found = (await client.get('/v1/hunts')) as { readonly hunts: readonly Hunt[] }
    return io.out(format === 'json' ? JSON.stringify(found) : listed(found.hunts))
  }
  if (format === 'parquet' && options.out === undefined)
    throw new CommandError('Parquet is no text: say --out FILE', EXIT.misused)
  const body = {
    ...(/\s/.test(asked.trim()) ? { sql: asked } : { hunt: asked }),
    parameters: parametersOf(options.set),
    format: format === 'table' ? 'json' : format,
    limit: options.limit,
  }
  const bytes = await client.bytes('/v1/hunt', body)
  if (options.out !== undefined) await writeFile(options.out, bytes)
  else if (format === 'table') io.out(tableOf(JSON.parse(Buffer.from(bytes).toString()) as HuntAnswer))
  else io.out(Buffer.from(bytes).toString().trimEnd())
}

function parametersOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new CommandError(`--set ${pair}: write it as name=value`, EXIT.misused)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

function listed(hunts: readonly Hunt[]): string {
  return table(
    hunts,
    [
      { title: 'HUNT', of: (hunt) => hunt.name },
      { title: 'QUESTION', of: (hunt) => hunt.question },
      {
        title: 'PARAMETERS',
        of: (hunt) => hunt.parameters.map(({ name, standard }) => `${name}=${standard}`).join(' '),
      },
    ],
    'no hunt',
  )
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

function tableOf({ columns, rows, truncated }: HuntAnswer): string {
  const text = table(
    rows,
    columns.map(({ name }, at) => ({
      title: name,
      of: (row) => shown(row[at]),
    })),
    'no row',
  )
  return truncated ? `${text}\n... and more: --limit` : text
}
