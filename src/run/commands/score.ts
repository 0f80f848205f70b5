import { resolve } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../config.ts'
import type { Io } from '../io.ts'

interface Options {
  readonly baseline: string
  readonly events: readonly string[]
  readonly out?: string
  readonly rules?: string
  readonly config?: string
  readonly json?: boolean
}

export function scoreCommand(io: Io): Command {
  return new Command('score')
    .description('replays events through the live path, dispatch off: one NDJSON line per event')
    .requiredOption('--baseline <dir>', 'folder that `belay learn` made')
    .requiredOption('--events <files...>', 'event files: .ndjson, .ndjson.gz, - for standard input')
    .option('--out <file>', 'where the lines go (default: standard output)')
    .option('--rules <dir>', 'written rules beside those that are configured')
    .option('--config <file>', 'configuration: mode, tools, trusted servers, keys')
    .option('--json', 'a summary as JSON on standard error; the lines are JSON always')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => score(io, options))
}

const EXAMPLES = `
Each line: event_id, session_id, score (nats), risk (0..1), action, finding, signals.

Examples:
  belay score --baseline baselines --events today.ndjson > verdicts.ndjson
  zcat today.ndjson.gz | belay score --baseline baselines --events - --out verdicts.ndjson`

async function score(io: Io, { baseline, events, out, rules, config, json }: Options): Promise<void> {
  const { scoreFiles } = await import('../score-files.ts')
  const settings = loadConfig(config, io.env)
  const replayed = await scoreFiles(settings, io, events, resolve(baseline), out, rules === undefined ? [] : [rules])
  if (json === true) io.err(JSON.stringify({ events: replayed.events, rejected: replayed.rejected }))
  else if (out !== undefined) io.err(`${replayed.events} events judged, ${replayed.rejected} not taken`)
}
