import { Command } from 'commander'
import type { SessionDetail, SessionRow } from '../../web/query.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { count } from '../options.ts'
import { printable, table } from '../table.ts'

interface ListOptions extends InstanceOptions {
  readonly agent?: string
  readonly role?: string
  readonly contained?: boolean
  readonly limit: number
  readonly json?: boolean
}

interface ShowOptions extends InstanceOptions {
  readonly agent?: string
  readonly json?: boolean
}

export function sessionsCommand(io: Io): Command {
  const list = onInstance(new Command('list'))
    .description('the latest sessions, newest first')
    .option('--agent <id>', 'only of this agent')
    .option('--role <role>', 'only of this role')
    .option('--contained', 'only those that were contained')
    .option('--limit <n>', 'at most so many', count, 50)
    .option('--json', 'JSON instead of a table')
    .action((options: ListOptions) => listSessions(io, options))
  const show = onInstance(new Command('show'))
    .argument('<session>', 'session id')
    .description('the events of one session with their signals and reasons')
    .option('--agent <id>', 'whose session; needed when several agents use the id')
    .option('--json', 'JSON instead of text')
    .action((session: string, options: ShowOptions) => showSession(io, session, options))
  return new Command('sessions')
    .description('shows what agents did, session by session')
    .addCommand(list, { isDefault: true })
    .addCommand(show)
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  belay sessions                        the latest 50
  belay sessions list --contained       those that were contained
  belay sessions show run-77 --json     one session with every event and reason`

async function listSessions(io: Io, options: ListOptions): Promise<void> {
  const answer = await createClient(options).get('/v1/sessions', {
    agent: options.agent,
    role: options.role,
    contained: options.contained === true ? 'true' : undefined,
    limit: options.limit,
  })
  if (options.json === true) return io.out(JSON.stringify(answer))
  const { sessions } = answer as { readonly sessions: readonly SessionRow[] }
  io.out(
    table(
      sessions,
      [
        { title: 'LAST SEEN', of: (row) => row.last },
        { title: 'SESSION', of: (row) => row.session },
        { title: 'AGENT', of: (row) => row.agent },
        { title: 'ROLE', of: (row) => row.role },
        { title: 'CALLS', of: (row) => row.calls },
        { title: 'RISK', of: (row) => row.risk.toFixed(2) },
        { title: 'ACTION', of: (row) => row.action },
      ],
      'no session yet',
    ),
  )
}

async function showSession(io: Io, session: string, options: ShowOptions): Promise<void> {
  const path = `/v1/sessions/${encodeURIComponent(session)}`
  const answer = await createClient(options).get(path, { agent: options.agent })
  if (options.json === true) return io.out(JSON.stringify(answer))
  const detail = answer as SessionDetail
  io.out(`session ${printable(detail.session)} of ${printable(detail.agent)} (role ${printable(detail.role)})`)
  for (const event of detail.events) {
    const call = [event.time, event.op, event.phase, `${event.server}/${event.tool}`, event.status]
    io.out(`${call.map(printable).join('  ')}  risk ${event.risk.toFixed(2)}  ${event.action}`)
    for (const signal of event.signals)
      for (const { what, observed, expected } of signal.reasons)
        io.out(`    ${printable(signal.id)}: ${printable(what)}: ${printable(observed)}; usual: ${printable(expected)}`)
  }
}
