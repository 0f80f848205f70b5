import { Command } from 'commander'
import type { DeadRow, DestinationRow } from '../../web/forward.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import { CommandError, EXIT, type Io } from '../io.ts'
import { count } from '../options.ts'
import { printable, table } from '../table.ts'

interface OneOptions extends InstanceOptions {
  readonly json?: boolean
}

interface DeadOptions extends OneOptions {
  readonly limit: number
}

interface TestOptions {
  readonly config: string
  readonly json?: boolean
}

export function forwardCommand(io: Io): Command {
  const status = onInstance(new Command('status'))
    .description('what waits for each destination')
    .option('--json', 'JSON instead of a table')
    .action((options: OneOptions) => showStatus(io, options))
  const dead = onInstance(new Command('dead'))
    .argument('<name>', 'destination')
    .description('what its receiver refused, newest first')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--json', 'JSON instead of a table')
    .action((name: string, options: DeadOptions) => showDead(io, name, options))
  const replay = onInstance(new Command('replay'))
    .argument('<name>', 'destination')
    .argument('[ids...]', 'as `dead` prints them; without any, all')
    .description('sends again what was refused, after what refused it was put right')
    .option('--json', 'JSON instead of text')
    .action((name: string, ids: string[], options: OneOptions) => replayDead(io, name, ids, options))
  const test = new Command('test')
    .argument('<name>', 'destination, as the configuration names it')
    .description('sends a finding that is marked as a test and says what came back; needs no running instance')
    .requiredOption('--config <file>', 'configuration (YAML)')
    .option('--json', 'JSON instead of text')
    .action((name: string, options: TestOptions) => sendSample(io, name, options))
  return new Command('forward')
    .description('shows, tests and replays what is sent to SIEMs')
    .addCommand(status, { isDefault: true })
    .addCommand(test)
    .addCommand(dead)
    .addCommand(replay)
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  belay forward                                 what waits, and which receiver is down
  belay forward test siem --config belay.yaml   a sample, past the queue
  belay forward dead siem                       what was refused, and why
  belay forward replay siem                     send all of that again`

async function showStatus(io: Io, { json, ...instance }: OneOptions): Promise<void> {
  const answer = (await createClient(instance).get('/v1/forward')) as {
    readonly destinations: readonly DestinationRow[]
  }
  if (json === true) return io.out(JSON.stringify(answer))
  io.out(
    table(
      answer.destinations,
      [
        { title: 'DESTINATION', of: (row) => row.name },
        { title: 'CIRCUIT', of: (row) => row.circuit },
        { title: 'WAITING', of: (row) => row.waiting },
        { title: 'OLDEST', of: (row) => row.oldest ?? '' },
        { title: 'DEAD', of: (row) => row.dead },
      ],
      'no destinations',
    ),
  )
}

async function showDead(io: Io, name: string, { json, limit, ...instance }: DeadOptions): Promise<void> {
  const answer = (await createClient(instance).get(`/v1/forward/${encodeURIComponent(name)}/dead`, { limit })) as {
    readonly dead: readonly DeadRow[]
  }
  if (json === true) return io.out(JSON.stringify(answer))
  io.out(
    table(
      answer.dead,
      [
        { title: 'ID', of: (row) => row.id },
        { title: 'REFUSED', of: (row) => row.time },
        { title: 'WHY', of: (row) => row.why },
      ],
      'nothing was refused',
    ),
  )
}

async function replayDead(io: Io, name: string, ids: readonly string[], options: OneOptions): Promise<void> {
  const { json, ...instance } = options
  const path = `/v1/forward/${encodeURIComponent(name)}/replay`
  const answer = (await createClient(instance).post(path, ids.length > 0 ? { ids } : {})) as {
    readonly replayed: number
  }
  io.out(json === true ? JSON.stringify(answer) : `${answer.replayed} are sent again`)
}

async function sendSample(io: Io, name: string, { config, json }: TestOptions): Promise<void> {
  const { loadConfig } = await import('../config.ts')
  const { sendTest } = await import('../forward-test.ts')
  const settings = loadConfig(config, io.env)
  const names = settings.config.forward.map((section) => section.name)
  const section = settings.config.forward.find((one) => one.name === name)
  if (!section) throw new CommandError(`no destination ${name}; there is ${names.join(', ') || 'none'}`, EXIT.misused)
  const { sent, text, tookMs } = await sendTest(settings, section)
  const fate = sent.kind === 'answered' ? sent.fates[0] : sent
  const outcome = fate?.kind ?? 'not answered for'
  const why = fate !== undefined && 'why' in fate ? fate.why : undefined
  if (json === true)
    io.out(JSON.stringify({ destination: name, outcome, ...(why !== undefined && { why }), tookMs, text }))
  else
    io.out(`sent: ${printable(text)}\n${outcome} after ${tookMs} ms${why === undefined ? '' : `: ${printable(why)}`}`)
  if (outcome !== 'taken') throw new CommandError(`${name} did not take it`)
}
