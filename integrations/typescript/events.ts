import type {
  AgentInfo,
  AuthInfo,
  CloudEvent,
  DecisionInfo,
  EventData,
  Ref,
  ResultStatus,
  ServerInfo,
  SessionInfo,
  ToolInfo,
} from '../../src/model/event.ts'
import { digestOf, sha256Hex } from './digest.ts'
import type { Redactor } from './redact.ts'

/** A call as its PEP knows it before it runs. */
export interface Call {
  /** MCP method name, such as `tools/call` */
  readonly op: string
  readonly agent: AgentInfo
  readonly session: SessionInfo
  readonly server: ServerInfo
  /** of `tools/call` */
  readonly tool?: ToolInfo
  /** resource URI or prompt name */
  readonly target?: string
  readonly args?: Readonly<Record<string, unknown>>
  /** the user's task in words: what tells a destination that the user named from one that only a web page named */
  readonly intent?: string
  readonly auth?: AuthInfo
  readonly env?: NonNullable<EventData['env']>
  readonly trace?: Readonly<Record<string, unknown>>
}

/** What became of a call. */
export interface Outcome {
  readonly status: ResultStatus
  readonly errorCode?: string
  readonly httpStatus?: number
  readonly bytes?: number
  readonly records?: number
  /** the result in words; cut at 16 KiB */
  readonly sample?: string
  /** of `tools/list` */
  readonly tools?: readonly ToolInfo[]
  /** of `initialize` and `server/discover` */
  readonly serverVersion?: string
}

/** What of arguments, task and result leaves the process: all but secrets, or keyed fingerprints of destinations alone. */
export type Content =
  | { readonly kind: 'full' }
  | { readonly kind: 'refs'; readonly refs: (parts: RefParts) => readonly Ref[] }

interface RefParts {
  readonly args?: unknown
  readonly result?: string
  readonly intent?: string
}

export interface EventParts {
  /** this PEP, a URI */
  readonly source: string
  readonly redactor: Redactor
  readonly content: Content
  /** ids of events */
  readonly newId: () => string
  readonly now: () => number
}

/** Limits of the contract: characters of an id, a sample, an intent; bytes of arguments and of an event. */
const MAX = { id: 256, sample: 16_000, intent: 4_000, args: 32 * 1024, event: 256 * 1024, refs: 256 }
const MAX_SESSIONS = 10_000

/** Makes the events of one PEP: numbered within their session, without secrets, within the contract's limits. */
export class Events {
  private readonly parts: EventParts
  private readonly numbers = new Map<string, number>()

  constructor(parts: EventParts) {
    this.parts = parts
  }

  request(call: Call, callId: string, decision: DecisionInfo): string {
    return this.write({ ...this.dataOf(call, callId, undefined), phase: 'request', decision })
  }

  response(
    call: Call,
    callId: string,
    decision: DecisionInfo,
    outcome: Outcome & { readonly durationMs?: number; readonly auth?: AuthInfo },
  ): string {
    const { tools, serverVersion, auth, durationMs } = outcome
    const data = this.dataOf(call, callId, outcome.sample)
    return this.write({
      ...data,
      phase: 'response',
      decision,
      ...(serverVersion !== undefined && { server: { ...data.server, version: serverVersion } }),
      ...(tools !== undefined && { tools }),
      ...(auth !== undefined && { auth }),
      result: {
        status: outcome.status,
        ...(outcome.errorCode !== undefined && { error_code: outcome.errorCode }),
        ...(outcome.httpStatus !== undefined && { http_status: outcome.httpStatus }),
        ...(outcome.bytes !== undefined && { bytes: outcome.bytes }),
        ...(outcome.records !== undefined && { records: outcome.records }),
        ...(durationMs !== undefined && { duration_ms: durationMs }),
        ...(outcome.sample !== undefined &&
          this.parts.content.kind === 'full' && {
            sample: this.parts.redactor.text(outcome.sample.slice(0, MAX.sample)),
          }),
      },
    })
  }

  /** A sign of life, so that silence is noticed. */
  heartbeat(ext: Readonly<Record<string, unknown>>): string {
    const { source } = this.parts
    const self = { id: source.slice(0, MAX.id) }
    const callId = this.parts.newId()
    return this.write({
      op: 'heartbeat',
      phase: 'request',
      call_id: callId,
      agent: self,
      session: self,
      server: self,
      ext,
    })
  }

  private dataOf(call: Call, callId: string, result: string | undefined): Omit<EventData, 'phase'> {
    const { op, agent, session, server, tool, target, auth, env, trace } = call
    return {
      op,
      call_id: callId,
      agent: { ...agent, id: agent.id.slice(0, MAX.id) },
      session: { ...session, id: session.id.slice(0, MAX.id) },
      server: { ...server, id: server.id.slice(0, MAX.id) },
      ...(tool !== undefined && { tool: { ...tool, name: tool.name.slice(0, MAX.id) } }),
      ...(target !== undefined && { target: target.slice(0, 2_048) }),
      ...(auth !== undefined && { auth }),
      ...(env !== undefined && { env }),
      ...(trace !== undefined && { trace }),
      ...this.contentOf(call, result),
    }
  }

  private contentOf({ args, intent }: Call, result: string | undefined): Partial<EventData> {
    const { content, redactor } = this.parts
    const text = args === undefined ? undefined : JSON.stringify(args)
    const bytes = text === undefined ? 0 : Buffer.byteLength(text)
    const sizes = text === undefined ? {} : { args_sha256: digestOf(args), args_bytes: bytes }
    if (content.kind === 'refs') {
      const prompt = intent === undefined ? {} : { intent: { prompt_sha256: sha256Hex(intent) } }
      const refs = content.refs({
        args,
        ...(result !== undefined && { result }),
        ...(intent !== undefined && { intent }),
      })
      return { ...sizes, ...prompt, refs: refs.slice(0, MAX.refs) }
    }
    const shown = args === undefined || bytes > MAX.args ? undefined : redactor.value(args)
    return {
      ...sizes,
      ...(shown !== undefined && { args: shown.value }),
      ...(shown !== undefined && shown.pointers.length > 0 && { args_redacted: shown.pointers }),
      ...(intent !== undefined && { intent: { text: redactor.text(intent.slice(0, MAX.intent)) } }),
    }
  }

  private write(data: EventData): string {
    const { source, newId, now } = this.parts
    const event: CloudEvent = {
      specversion: '1.0',
      id: newId(),
      source,
      type: 'agent.tool.event.v1',
      time: new Date(now()).toISOString(),
      data: { ...data, seq: this.nextNumber(data) },
    }
    const text = JSON.stringify(event)
    if (Buffer.byteLength(text) <= MAX.event) return text
    // What identifies it and its digests stay; a list of tools keeps their digests.
    const { args: _args, trace: _trace, ...rest } = event.data
    const tools = rest.tools?.map(({ description: _d, input_schema: _s, ...tool }) => tool)
    return JSON.stringify({ ...event, data: { ...rest, ...(tools !== undefined && { tools: tools.slice(0, 500) }) } })
  }

  private nextNumber({ agent, session }: EventData): number {
    const key = `${agent.id}\u001f${session.id}`
    const number = this.numbers.get(key) ?? 0
    this.numbers.delete(key)
    this.numbers.set(key, number + 1)
    const [oldest] = this.numbers.keys()
    if (this.numbers.size > MAX_SESSIONS && oldest !== undefined) this.numbers.delete(oldest)
    return number
  }
}
