import { Command } from 'commander'
import { CommandError, EXIT, type Io } from '../../io.ts'

interface Options {
  readonly rules: readonly string[]
  readonly events: string
  readonly raw?: boolean
  readonly out?: string
}

export function rulesMatchCommand(io: Io): Command {
  return new Command('match')
    .description('matches rules against JSON events of any product: one NDJSON line per match')
    .requiredOption('--rules <paths...>', 'rule files, or folders of them')
    .requiredOption('--events <file>', 'one JSON event per line: .ndjson, .ndjson.gz, - for standard input')
    .option('--raw', 'plain JSON events, every rule sees all of them')
    .option('--out <file>', 'where the lines go (default: standard output)')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => match(io, options))
}

const EXAMPLES = `
Each line: event (its line in the file, from 0), rule (its id; without one its name, or its title).
Correlations use the event's timestamp or @timestamp. A rule that does not load, and a line that is not JSON, is one
JSON line on standard error; the others run.

Examples:
  belay rules match --rules rules/windows --events sysmon.ndjson --raw
  zcat events.ndjson.gz | belay rules match --rules one.yml --events - --raw --out matches.ndjson`

async function match(io: Io, { rules, events, raw, out }: Options): Promise<void> {
  if (raw !== true)
    throw new CommandError(
      'match reads plain JSON events: add --raw; agents\u2019 events are judged by `belay score`',
      EXIT.misused,
    )
  const { matchRaw } = await import('../../match-raw.ts')
  const { matches, eventsRead } = await matchRaw(io, rules, events, out)
  if (out !== undefined) io.err(`${eventsRead} events, ${matches} matches`)
}
