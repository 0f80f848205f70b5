import { basename } from 'node:path'
import type { Pep, PepOptions, ToolClass } from 'belay/pep'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError, EXIT, type Io } from '../io.ts'
import { port } from '../options.ts'

interface Options {
  readonly url?: string
  readonly port: number
  readonly belay: string
  readonly token?: string
  readonly server?: string
  readonly agent?: string
  readonly role?: string
  readonly user?: string
  readonly session?: string
  readonly readOnlyTools: readonly string[]
  readonly failClosed: readonly ToolClass[]
  readonly judgeFirst?: boolean
  readonly content: 'full' | 'refs'
  readonly key?: string
}

export function proxyCommand(io: Io): Command {
  return new Command('proxy')
    .description('puts an MCP server behind Belay: its calls are published, and what is contained is held')
    .argument('[command...]', 'server on standard input and output, after `--`')
    .option('--url <url>', 'server that speaks streamable HTTP')
    .option('--port <n>', 'with --url: where clients find it (0 takes a free one)', port, 7310)
    .addOption(new Option('--belay <url>', 'the running Belay').env('BELAY_URL').default('http://127.0.0.1:7300'))
    .addOption(new Option('--token <token>', 'bearer token of scope `pep`; better by environment').env('BELAY_TOKEN'))
    .option('--server <name>', 'stable name of the server (default: from the command or URL)')
    .addOption(
      new Option('--agent <id>', 'who calls (default: header x-agent-id, then the name of the client)').env(
        'BELAY_AGENT',
      ),
    )
    .addOption(new Option('--role <role>', 'its role (default: header x-agent-role)').env('BELAY_ROLE'))
    .addOption(new Option('--user <id>', 'on whose behalf').env('BELAY_USER'))
    .addOption(
      new Option('--session <id>', 'run or conversation (default: header x-session-id, then that of MCP)').env(
        'BELAY_SESSION',
      ),
    )
    .option('--read-only-tools <list>', 'what may be called under `restrict_read_only`, before any hint', list, [])
    .option('--fail-closed <classes>', `of ${CLASSES.join(', ')}: held when Belay does not answer`, classes, [])
    .option('--judge-first', 'wait for the verdict on each call before it is made')
    .addOption(
      new Option('--content <what>', 'what leaves: `full`, without secrets, or `refs`, keyed fingerprints')
        .choices(['full', 'refs'])
        .default('full'),
    )
    .addOption(new Option('--key <key>', 'key of marks and fingerprints; refs.key of Belay').env('BELAY_REFS_KEY'))
    .addHelpText('after', EXAMPLES)
    .action((command: readonly string[], options: Options) => proxy(io, command, options))
}

const EXAMPLES = `
Examples:
  belay proxy --agent invoice-bot -- npx -y @modelcontextprotocol/server-filesystem /srv/invoices
  belay proxy --url http://127.0.0.1:3001/mcp --port 7310   clients use http://127.0.0.1:7310/mcp`

const CLASSES = ['read-only', 'additive', 'destructive', 'open-world'] as const satisfies readonly ToolClass[]

async function proxy(io: Io, command: readonly string[], options: Options): Promise<void> {
  const { url } = options
  if ((url === undefined) === (command.length === 0))
    throw new CommandError('name one server: --url URL, or -- COMMAND', EXIT.misused)
  const { Pep } = await import('belay/pep')
  const pep = new Pep(pepOptions(io, options))
  try {
    if (url === undefined) process.exitCode = await overStdio(pep, command, options)
    else await overHttp(io, pep, url, options)
  } finally {
    await pep.close()
  }
  // The client may keep our standard input open.
  process.exit()
}

function pepOptions(
  io: Io,
  { belay, token, readOnlyTools, failClosed, judgeFirst, content, key }: Options,
): PepOptions {
  return {
    url: belay,
    ...(token !== undefined && { token }),
    readOnlyTools,
    failClosed,
    content,
    ...(judgeFirst !== undefined && { judgeFirst }),
    ...(key !== undefined && { key }),
    onError: once((why) => io.err(`belay proxy: ${why.message}`)),
  }
}

/** The same trouble is told once, until there is another. */
function once(tell: (why: Error) => void): (why: Error) => void {
  let last = ''
  return (why) => {
    if (why.message !== last) tell(why)
    last = why.message
  }
}

async function overStdio(pep: Pep, [command = '', ...args]: readonly string[], options: Options): Promise<number> {
  const { runStdioProxy } = await import('belay/pep')
  const ending = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => ending.abort())
  const known = { ...knownOf(options), server: options.server ?? nameOf(command, args) }
  const { stdin, stdout } = process
  try {
    return await runStdioProxy({ pep, known, command, args, stdin, stdout, signal: ending.signal })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new CommandError(`there is no command ${command}`, EXIT.failed, { cause })
  }
}

async function overHttp(io: Io, pep: Pep, url: string, options: Options): Promise<void> {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandError(`--url ${url}: an http or https URL`, EXIT.misused)
  const { startHttpProxy } = await import('belay/pep')
  const known = { ...knownOf(options), server: options.server ?? new URL(url).host }
  const running = await startHttpProxy({ pep, known, url, port: options.port })
  io.out(`${url} is behind Belay at ${running.url}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
  await running.close()
}

function knownOf({ agent, role, user, session }: Options) {
  return {
    ...(agent !== undefined && { agent }),
    ...(role !== undefined && { role }),
    ...(user !== undefined && { user }),
    ...(session !== undefined && { session }),
  }
}

const RUNNERS = /^(?:npx|bunx|pnpx|uvx|uv|pipx|node|deno|bun|python3?|tsx|docker)$/

/** The package, module or file that is run: what a runner such as npx gets as its first word that is no flag. */
function nameOf(command: string, args: readonly string[]): string {
  const program = basename(command).replace(/\.(?:exe|cmd)$/, '')
  const word = RUNNERS.test(program) ? args.find((arg) => !/^(?:-|run$|dlx$|tool$)/.test(arg)) : undefined
  return word === undefined ? program : word.startsWith('@') ? word : basename(word)
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

function classes(text: string): readonly ToolClass[] {
  const names = list(text)
  const known = names.filter((name): name is ToolClass => (CLASSES as readonly string[]).includes(name))
  if (known.length < names.length || known.length === 0)
    throw new InvalidArgumentError(`some of ${CLASSES.join(', ')}, with commas`)
  return known
}
