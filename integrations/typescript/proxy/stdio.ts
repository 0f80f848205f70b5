import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { systemClock } from '../clock.ts'
import { McpGuard, type Passage } from '../mcp/guard.ts'
import { type Known, Parties } from '../mcp/party.ts'
import { ToolBook } from '../mcp/tool-book.ts'
import type { Pep } from '../pep.ts'
import { linesOf } from './lines.ts'

export interface StdioProxyOptions {
  readonly pep: Pep
  readonly known: Known
  readonly command: string
  readonly args: readonly string[]
  /** the client's side */
  readonly stdin: Readable
  readonly stdout: Writable
  /** ends the server when it aborts */
  readonly signal?: AbortSignal
}

const PARSE_ERROR = -32_700
const INVALID_REQUEST = -32_600

/**
 * Runs an MCP server behind Belay on standard input and output, one JSON-RPC message a line. What passes, passes as the
 * bytes that came; standard error is the server's own. Resolves with the server's exit code when it has ended. Rejects
 * when it cannot be started.
 */
export async function runStdioProxy(options: StdioProxyOptions): Promise<number> {
  const { pep, known, stdin, stdout, signal } = options
  const child = spawn(options.command, [...options.args], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child, 'spawn')
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  signal?.addEventListener('abort', () => child.kill())
  // It may have let go of its input, or we were called by one that does not read: its end says so.
  child.stdin.on('error', () => undefined)
  const parties = new Parties(known, systemClock)
  const connection = randomUUID()
  const partyOf = (request: Parameters<typeof parties.of>[0]) => parties.of(request, { transport: 'stdio', connection })
  const guard = new McpGuard({ pep, tools: new ToolBook(), partyOf, now: Date.now })
  const toClient = fromServer(child.stdout, stdout, guard)
  // Not waited for: who calls may keep its end open for as long as it likes.
  fromClient(stdin, child, stdout, guard).catch(() => child.kill())
  const [[code, killed]] = await Promise.all([ended, toClient])
  guard.end({ status: 'cancelled' })
  return code ?? 128 + (killed === null ? 0 : constants.signals[killed])
}

async function fromClient(
  stdin: Readable,
  child: ChildProcessByStdio<Writable, Readable, null>,
  stdout: Writable,
  guard: McpGuard,
): Promise<void> {
  for await (const line of linesOf(stdin)) {
    const message = parsed(line)
    if (message === undefined) await answer(stdout, invalid(PARSE_ERROR, 'not JSON'))
    // A batch could hide a call, and MCP has none since 2025-06-18.
    else if (Array.isArray(message)) await answer(stdout, invalid(INVALID_REQUEST, 'batches are not supported'))
    else {
      const passage = guard.toServer(message)
      // A call that waits for its decision must not hold up a notice of its cancellation.
      if (passage instanceof Promise)
        void passage.then((settled) => settle(settled, line, message, child.stdin, stdout))
      else await settle(passage, line, message, child.stdin, stdout)
    }
  }
  child.stdin.end()
}

async function settle(
  passage: Passage,
  line: string,
  message: unknown,
  server: Writable,
  client: Writable,
): Promise<void> {
  if (passage.kind === 'forward') await write(server, single(line, message))
  else if (passage.response !== undefined) await answer(client, passage.response)
}

/** To some readers a carriage return ends a line too: what they would take for two messages must be one. */
function single(line: string, message: unknown): string {
  return line.includes('\r') ? JSON.stringify(message) : line
}

async function fromServer(server: Readable, client: Writable, guard: McpGuard): Promise<void> {
  for await (const line of linesOf(server)) {
    const message = parsed(line)
    for (const one of Array.isArray(message) ? message : [message]) guard.toClient(one)
    await write(client, line)
  }
}

function answer(client: Writable, message: object): Promise<void> {
  return write(client, JSON.stringify(message))
}

async function write(stream: Writable, line: string): Promise<void> {
  if (stream.writable && !stream.write(`${line}\n`)) await Promise.race([once(stream, 'drain'), once(stream, 'close')])
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function invalid(code: number, message: string): object {
  return { jsonrpc: '2.0', id: null, error: { code, message } }
}
