import { Command } from 'commander'
import type { DeadLetterDetail, DeadLetterRow } from '../../web/dead-letters.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, type Io } from '../io.ts'
import { count } from '../options.ts'
import { printable, table } from '../table.ts'

interface ListOptions extends InstanceOptions {
  readonly reason?: string
  readonly limit: number
  readonly json?: boolean
}

interface OneOptions extends InstanceOptions {
  readonly json?: boolean
}

interface ReplayOptions extends OneOptions {
  readonly reason?: string
  readonly limit: number
}

export function dlqCommand(io: Io): Command {
  const list = onInstance(new Command('list'))
    .description('what could not be taken, newest first')
    .option('--reason <reason>', 'json, schema, signature, size, time or handler')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--json', 'JSON instead of a table')
    .action((options: ListOptions) => listLetters(io, options))
  const show = onInstance(new Command('show'))
    .argument('<id>', 'as `list` prints it')
    .description('one dead letter with its original bytes')
    .option('--json', 'JSON instead of text (bytes as base64)')
    .action((id: string, options: OneOptions) => showLetter(io, id, options))
  const replay = onInstance(new Command('replay'))
    .argument('[ids...]', 'as `list` prints them; without any, all that --reason and --limit select')
    .description('sends dead letters through the ingest again, after what refused them was put right')
    .option('--reason <reason>', 'only these')
    .option('--limit <n>', 'at most so many', count, 1000)
    .option('--json', 'JSON instead of text')
    .action((ids: string[], options: ReplayOptions) => replayLetters(io, ids, options))
  return new Command('dlq')
    .description('shows and replays what could not be taken (dead letters)')
    .addCommand(list, { isDefault: true })
    .addCommand(show)
    .addCommand(replay)
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  belay dlq                             the latest, with what to put right
  belay dlq show http@41@9f1c0d...      one with its original bytes
  belay dlq replay --reason schema      send those again`

async function lettersOf(options: Omit<ListOptions, 'json'>): Promise<readonly DeadLetterRow[]> {
  const answer = await createClient(options).get('/v1/dead-letters', { reason: options.reason, limit: options.limit })
  return (answer as { readonly dead_letters: readonly DeadLetterRow[] }).dead_letters
}

async function listLetters(io: Io, options: ListOptions): Promise<void> {
  const letters = await lettersOf(options)
  if (options.json === true) return io.out(JSON.stringify({ dead_letters: letters }))
  io.out(
    table(
      letters,
      [
        { title: 'ID', of: (row) => row.id },
        { title: 'RECEIVED', of: (row) => row.received },
        { title: 'REASON', of: (row) => row.reason },
        { title: 'BYTES', of: (row) => row.bytes },
        { title: 'WHAT TO DO', of: (row) => row.error },
      ],
      'no dead letters',
    ),
  )
}

async function letterOf(id: string, options: InstanceOptions): Promise<DeadLetterDetail> {
  return (await createClient(options).get(`/v1/dead-letters/${encodeURIComponent(id)}`)) as DeadLetterDetail
}

async function showLetter(io: Io, id: string, options: OneOptions): Promise<void> {
  const letter = await letterOf(id, options)
  if (options.json === true) return io.out(JSON.stringify(letter))
  io.out(`${printable(letter.id)}  ${letter.received}  ${letter.reason}\n${printable(letter.error)}\n`)
  const text = Buffer.from(letter.base64, 'base64').toString('utf8')
  io.out(text.split('\n').map(printable).join('\n'))
}

async function replayLetters(io: Io, ids: readonly string[], options: ReplayOptions): Promise<void> {
  const chosen = ids.length > 0 ? ids : (await lettersOf(options)).map((letter) => letter.id)
  const outcomes = []
  for (const id of chosen) outcomes.push(await replayed(id, options))
  const refused = outcomes.filter((outcome) => outcome.error !== undefined)
  if (options.json === true) io.out(JSON.stringify({ taken: outcomes.length - refused.length, refused }))
  else
    for (const { id, error } of outcomes)
      io.out(`${printable(id)}: ${error === undefined ? 'taken' : printable(error)}`)
  if (refused.length > 0) throw new CommandError(`${refused.length} of ${outcomes.length} were refused again`)
}

async function replayed(
  id: string,
  options: InstanceOptions,
): Promise<{ readonly id: string; readonly error?: string }> {
  try {
    await createClient(options).post(`/v1/dead-letters/${encodeURIComponent(id)}/replay`, {})
    return { id }
  } catch (error) {
    if (error instanceof CommandError) return { id, error: error.message }
    throw error
  }
}
