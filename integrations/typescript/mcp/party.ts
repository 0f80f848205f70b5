import type { AgentInfo, AuthInfo, ServerInfo, SessionInfo } from '../../../src/model/event.ts'
import type { Clock } from '../clock.ts'
import { sha256Hex } from '../digest.ts'
import { membersOf } from '../wire.ts'
import { META, metaOf, type RpcRequest, textOf } from './messages.ts'

/** Who calls, through which server, in which session. */
export interface Party {
  readonly agent: AgentInfo
  readonly session: SessionInfo
  readonly server: ServerInfo
  readonly intent?: string
  readonly auth?: AuthInfo
  readonly protocol?: string
}

/** What whoever set up the PEP says; it goes before anything that a client says of itself. */
export interface Known {
  /** stable name of the server behind, not its URL */
  readonly server: string
  readonly agent?: string
  readonly role?: string
  readonly user?: string
  /** id of the run or conversation */
  readonly session?: string
}

/** What a message and its way say of who sent it. */
export interface Seen {
  /** of HTTP, by lower-case name */
  readonly header?: (name: string) => string | undefined
  /** of a connection that is one session, such as a pipe */
  readonly connection?: string
  readonly transport: 'stdio' | 'http' | 'memory'
  readonly peerAddress?: string
}

const IDLE_MS = 30 * 60_000
const MAX_DERIVED = 10_000

interface Window {
  readonly sinceMs: number
  lastMs: number
}

/** Finds the party of each message. The session is the first that exists of those that the contract lists. */
export class Parties {
  private readonly known: Known
  private readonly clock: Clock
  private readonly windows = new Map<string, Window>()
  private client: string | undefined
  private protocol: string | undefined

  constructor(known: Known, clock: Clock) {
    this.known = known
    this.clock = clock
  }

  of(request: RpcRequest | undefined, seen: Seen): Party {
    const meta = metaOf(request?.params)
    const header = seen.header ?? (() => undefined)
    this.learn(request, meta, seen)
    const client = clientOf(membersOf(meta[META.client])) ?? this.client
    const protocol = textOf(meta[META.protocol]) ?? header('mcp-protocol-version') ?? this.protocol
    const role = this.known.role ?? header('x-agent-role')
    const user = this.known.user
    const agent: AgentInfo = {
      id: this.known.agent ?? header('x-agent-id') ?? client?.split('/')[0] ?? 'unknown',
      ...(role !== undefined && { role }),
      ...(client !== undefined && { framework: client }),
      ...(user !== undefined && { on_behalf_of: user }),
    }
    const credential = header('authorization')
    const auth: AuthInfo | undefined =
      credential === undefined
        ? undefined
        : {
            outcome: 'success',
            method: credential.split(' ', 1)[0]?.toLowerCase() ?? '',
            credential_sha256: sha256Hex(credential),
          }
    return {
      agent,
      session: this.sessionOf(agent, meta, seen, header),
      server: { id: this.known.server, transport: seen.transport },
      ...(auth !== undefined && { auth }),
      ...(protocol !== undefined && { protocol }),
    }
  }

  /** A connection tells in its handshake who is there; requests over HTTP come from many. */
  private learn(request: RpcRequest | undefined, meta: Readonly<Record<string, unknown>>, { connection }: Seen): void {
    if (connection === undefined || request === undefined) return
    if (request.method === 'initialize') this.client = clientOf(membersOf(request.params?.clientInfo))
    this.protocol = textOf(meta[META.protocol]) ?? textOf(request.params?.protocolVersion) ?? this.protocol
  }

  private sessionOf(
    agent: AgentInfo,
    meta: Readonly<Record<string, unknown>>,
    { connection, peerAddress }: Seen,
    header: (name: string) => string | undefined,
  ): SessionInfo {
    const { session } = this.known
    const client = peerAddress === undefined ? {} : { client_ip: peerAddress }
    const run = session ?? header('x-session-id')
    if (run !== undefined) return { id: run, kind: 'run', ...client }
    const conversation = baggageMember(textOf(meta.baggage) ?? header('baggage'))
    if (conversation !== undefined) return { id: conversation, kind: 'conversation', ...client }
    const mcp = header('mcp-session-id') ?? connection
    if (mcp !== undefined) return { id: mcp, kind: 'mcp', ...client }
    const credential = header('authorization') ?? ''
    return {
      id: this.derived(sha256Hex([agent.id, credential, peerAddress ?? ''].join('|')).slice(0, 16)),
      kind: 'derived',
      ...client,
    }
  }

  /** A session without a name lasts until nothing was heard of it for half an hour. */
  private derived(id: string): string {
    const nowMs = this.clock.now()
    const window = this.windows.get(id)
    const current = window !== undefined && nowMs - window.lastMs < IDLE_MS ? window : { sinceMs: nowMs, lastMs: nowMs }
    current.lastMs = nowMs
    this.windows.delete(id)
    this.windows.set(id, current)
    const [oldest] = this.windows.keys()
    if (this.windows.size > MAX_DERIVED && oldest !== undefined) this.windows.delete(oldest)
    return `${id}-${current.sinceMs.toString(36)}`
  }
}

function clientOf({ name, version }: Readonly<Record<string, unknown>>): string | undefined {
  const known = textOf(name)
  return known === undefined ? undefined : `${known}/${textOf(version) ?? '0'}`.slice(0, 256)
}

/** W3C baggage, as the OpenTelemetry conventions name a conversation. */
function baggageMember(baggage: string | undefined): string | undefined {
  for (const member of baggage?.slice(0, 8_192).split(',') ?? []) {
    const [name, value] = member.split(';', 1)[0]?.split('=') ?? []
    if (name?.trim() === 'gen_ai.conversation.id' && value !== undefined && value.trim() !== '')
      return decoded(value.trim())
  }
  return undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
