import { Command } from 'commander'
import type { ToolPassport, ToolRow } from '../../web/tools.ts'
import { createClient, type InstanceOptions, onInstance } from '../client.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'

interface Options extends InstanceOptions {
  readonly json?: boolean
}

export function toolsCommand(io: Io): Command {
  return onInstance(new Command('tools'))
    .description('tools as their servers showed them: every version, by whom, when, what changed, who calls it')
    .argument('[tool]', '`server` for its tools, `server/tool` for one passport; every tool when left out')
    .option('--json', 'JSON instead of a table')
    .addHelpText('after', EXAMPLES)
    .action((tool: string | undefined, options: Options) => showTools(io, tool, options))
}

const EXAMPLES = `
Examples:
  belay tools                       every tool of every server
  belay tools calendar              the tools of one server
  belay tools calendar/list_events  its versions with what changed, and who calls it`

async function showTools(io: Io, tool: string | undefined, options: Options): Promise<void> {
  const client = createClient(options)
  const slash = tool?.indexOf('/') ?? -1
  if (tool !== undefined && slash > 0) {
    const path = [tool.slice(0, slash), tool.slice(slash + 1)].map(encodeURIComponent).join('/')
    const passport = (await client.get(`/v1/tools/${path}`)) as ToolPassport
    return options.json === true ? io.out(JSON.stringify(passport)) : printPassport(io, passport)
  }
  const query = tool === undefined ? '' : `?server=${encodeURIComponent(tool)}`
  const answer = (await client.get(`/v1/tools${query}`)) as { readonly tools: readonly ToolRow[] }
  if (options.json === true) return io.out(JSON.stringify(answer))
  io.out(
    table(
      answer.tools,
      [
        { title: 'TOOL', of: (row) => `${row.server}/${row.tool}` },
        { title: 'VERSIONS', of: (row) => row.versions },
        { title: 'FIRST', of: (row) => row.first },
        { title: 'LAST', of: (row) => row.last },
        { title: 'SHOWN TO', of: (row) => row.shown_to },
        { title: 'CALLERS', of: (row) => row.callers },
        { title: 'CALLS', of: (row) => row.calls },
      ],
      'no tool was listed or called yet',
    ),
  )
}

function printPassport(io: Io, { server, tool, versions, callers }: ToolPassport): void {
  io.out(`${server}/${tool}`)
  for (const [index, version] of versions.entries()) {
    const release = version.release === undefined ? '' : `, release ${version.release}`
    io.out(`version ${index + 1}${release}: ${version.first} to ${version.last}`)
    io.out(`  shown in ${version.sessions} sessions to ${version.shown_to.join(', ')}`)
    for (const { what, nats } of version.changes) io.out(`  changed (${nats.toFixed(1)}): ${what}`)
    for (const { kind, nats, quote } of version.concerns) io.out(`  asks for (${nats.toFixed(1)}): ${kind}: "${quote}"`)
  }
  io.out(
    table(
      callers,
      [
        { title: 'CALLER', of: (row) => row.agent },
        { title: 'CALLS', of: (row) => row.calls },
        { title: 'LAST', of: (row) => row.last },
      ],
      'nobody has called it',
    ),
  )
}
