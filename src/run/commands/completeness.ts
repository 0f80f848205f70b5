import { Command } from 'commander'
import type { Completeness, PepCompleteness } from '../../web/completeness.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { EXIT, type Io } from '../io.ts'
import { table } from '../table.ts'

interface Options extends InstanceOptions {
  readonly from?: string
  readonly to?: string
  readonly minutes?: boolean
  readonly json?: boolean
}

export function completenessCommand(io: Io): Command {
  return onInstance(new Command('completeness'))
    .description('whether everything came that the PEPs published: missing, late, silent')
    .option('--from <time>', 'ISO 8601 (default: an hour before --to)')
    .option('--to <time>', 'ISO 8601 (default: now)')
    .option('--minutes', 'the minutes in which something was missing')
    .option('--json', 'JSON instead of a table')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => showCompleteness(io, options))
}

const EXAMPLES = `
A PEP that numbers its events (\`seq\`) shows what is missing between them, one that sends heartbeats shows when it was
silent. Exit code 1 when something is missing.

Examples:
  belay completeness
  belay completeness --from 2026-11-21T00:00:00Z --minutes`

async function showCompleteness(io: Io, options: Options): Promise<void> {
  const query = new URLSearchParams()
  for (const name of ['from', 'to'] as const) {
    const time = options[name]
    if (time !== undefined) query.set(name, time)
  }
  const answer = (await createClient(options).get(`/v1/completeness?${query.toString()}`)) as Completeness
  if (answer.verdict === 'missing') process.exitCode = EXIT.failed
  if (options.json === true) return io.out(JSON.stringify(answer))
  io.out(`${answer.from} to ${answer.to}: ${answer.verdict}`)
  io.out(table(answer.peps, COLUMNS, 'no PEP sent anything'))
  if (options.minutes === true)
    io.out(
      table(
        answer.peps.flatMap(({ source, minutes }) => minutes.map((minute) => ({ source, ...minute }))),
        [
          { title: 'PEP', of: ({ source }) => source },
          { title: 'MINUTE', of: ({ minute }) => minute },
          { title: 'RECEIVED', of: ({ received }) => received },
          { title: 'MISSING', of: ({ missing }) => missing },
        ],
        'nothing was missing in any minute',
      ),
    )
  for (const { reason, letters } of answer.dead_letters) io.out(`${letters} dead letters: ${reason}; see belay dlq`)
}

const COLUMNS = [
  { title: 'PEP', of: (pep: PepCompleteness) => pep.source },
  { title: 'VERDICT', of: (pep: PepCompleteness) => pep.verdict },
  { title: 'RECEIVED', of: (pep: PepCompleteness) => pep.received },
  { title: 'MISSING', of: (pep: PepCompleteness) => pep.missing },
  { title: 'LATE', of: (pep: PepCompleteness) => pep.late },
  { title: 'SILENT MINUTES', of: (pep: PepCompleteness) => pep.silent_minutes },
  { title: 'NUMBERED BY', of: (pep: PepCompleteness) => pep.numbered },
  { title: 'LAST', of: (pep: PepCompleteness) => pep.last },
]
