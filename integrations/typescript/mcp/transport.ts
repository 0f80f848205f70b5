import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import type { Pep } from '../pep.ts'
import { membersOf } from '../wire.ts'
import { McpGuard, type Passage } from './guard.ts'
import { type Known, Parties } from './party.ts'
import { ToolBook } from './tool-book.ts'

/**
 * What this needs of a transport of the official MCP SDK; those of version 1 and 2 have it. Loose on purpose, so that
 * neither version is a dependency.
 */
export interface SdkTransport {
  send(message: never, options?: never): Promise<void>
  onmessage?: ((message: never, extra?: never) => void) | undefined
  sessionId?: string | undefined
}

/** Who is on this transport; `intent` is the user's task, where the program knows it. */
export interface About extends Known {
  readonly intent?: string
}

/** Tools are known by server, whichever transport they were listed on. */
const tools = new ToolBook()

/**
 * Puts an MCP server behind Belay: `await server.connect(guardServer(transport, pep, { server: 'files' }))`.
 * Calls of its clients are decided before any handler of the server sees them.
 */
export function guardServer<T extends SdkTransport>(transport: T, pep: Pep, about: About): T {
  const connection = randomUUID()
  const parties = new Parties(about, systemClock)
  let headers: unknown
  const guard = guardOf(pep, about, (request) =>
    parties.of(request, {
      transport: headers === undefined ? 'memory' : 'http',
      header: (name) => headerOf(headers, name),
      connection: transport.sessionId ?? connection,
    }),
  )
  return wrapped(transport, {
    send: (message, send) => {
      guard.toClient(message)
      return send()
    },
    received: (message, extra, deliver) => {
      headers = headersOf(extra) ?? headers
      pass(guard.toServer(message), deliver, (answer) => void sendOn(transport, answer))
    },
  })
}

/**
 * Puts what an MCP client calls behind Belay: `await client.connect(guardClient(transport, pep, { server: 'files', agent: 'invoice-bot' }))`.
 * A refused call is answered here and never leaves the process.
 */
export function guardClient<T extends SdkTransport>(transport: T, pep: Pep, about: About): T {
  const connection = randomUUID()
  const parties = new Parties(about, systemClock)
  const guard = guardOf(pep, about, (request) =>
    parties.of(request, { transport: 'memory', connection: transport.sessionId ?? connection }),
  )
  let deliver: (message: unknown) => void = () => undefined
  return wrapped(transport, {
    send: async (message, send) => {
      const passage = await guard.toServer(message)
      if (passage.kind === 'forward') return send()
      if (passage.response !== undefined) deliver(passage.response)
      return undefined
    },
    received: (message, _extra, next) => {
      guard.toClient(message)
      next()
    },
    listening: (listener) => {
      deliver = listener
    },
  })
}

function guardOf(pep: Pep, { intent }: About, partyOf: ConstructorParameters<typeof McpGuard>[0]['partyOf']): McpGuard {
  return new McpGuard({
    pep,
    tools,
    partyOf: (request) => (intent === undefined ? partyOf(request) : { ...partyOf(request), intent }),
    now: Date.now,
  })
}

/** At once where the decision is known at once: messages keep their order. */
function pass(passage: Passage | Promise<Passage>, forward: () => void, answer: (response: unknown) => void): void {
  const settle = (settled: Passage): void => {
    if (settled.kind === 'forward') forward()
    else if (settled.response !== undefined) answer(settled.response)
  }
  if (passage instanceof Promise) void passage.then(settle)
  else settle(passage)
}

interface Hooks {
  send(message: unknown, send: () => Promise<void>): Promise<void>
  received(message: unknown, extra: unknown, deliver: () => void): void
  listening?(listener: (message: unknown) => void): void
}

type Listener = (message: unknown, extra?: unknown) => void

/** The same transport, but for what goes through `send` and `onmessage`; whatever else it has or gets stays its own. */
function wrapped<T extends SdkTransport>(transport: T, hooks: Hooks): T {
  let listener: Listener | undefined
  return new Proxy(transport, {
    get(target, name) {
      if (name === 'send') {
        return (message: unknown, options?: unknown) => hooks.send(message, () => sendOn(target, message, options))
      }
      if (name === 'onmessage') return listener
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
    set(target, name, value: unknown) {
      if (name !== 'onmessage') return Reflect.set(target, name, value)
      listener = value as Listener | undefined
      hooks.listening?.((message) => listener?.(message))
      const receive: Listener = (message, extra) => hooks.received(message, extra, () => listener?.(message, extra))
      return Reflect.set(target, name, value === undefined ? undefined : receive)
    },
  })
}

function sendOn(transport: SdkTransport, message: unknown, options?: unknown): Promise<void> {
  return (transport.send as (message: unknown, options?: unknown) => Promise<void>).call(transport, message, options)
}

/** Of HTTP, as version 1 (`requestInfo`) and version 2 (`request`) of the SDK give them. */
function headersOf(extra: unknown): unknown {
  const { requestInfo, request } = membersOf(extra)
  return membersOf(requestInfo).headers ?? membersOf(request).headers
}

function headerOf(headers: unknown, name: string): string | undefined {
  const value = headers instanceof Headers ? headers.get(name) : membersOf(headers)[name]
  return typeof value === 'string' ? value : undefined
}
