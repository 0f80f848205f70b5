/**
 * The event: one MCP operation as a PEP saw it (contract v1, CloudEvents 1.0 structured JSON).
 * Unknown members are kept wherever they stand; a missing member is never read as zero.
 */

export type Phase = 'request' | 'response'
export type ResultStatus = 'ok' | 'error' | 'denied' | 'timeout' | 'cancelled' | 'input_required'
export type SessionKind = 'run' | 'conversation' | 'mcp' | 'derived'

export interface AgentInfo {
  readonly id: string
  readonly role?: string
  readonly name?: string
  readonly version?: string
  readonly instance?: string
  readonly framework?: string
  readonly on_behalf_of?: string
  readonly chain?: readonly { readonly id: string; readonly kind?: 'user' | 'agent' | 'service' }[]
}

export interface SessionInfo {
  readonly id: string
  readonly kind?: SessionKind
  readonly parent?: string
  readonly client_ip?: string
  readonly started_at?: string
}

export interface ServerInfo {
  readonly id: string
  readonly url?: string
  readonly version?: string
  readonly transport?: string
}

/** Claims of the server about its own tool: untrusted, "no hint" is not read-only. */
export interface ToolAnnotations {
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

export interface ToolInfo {
  readonly name: string
  readonly exposed_as?: string
  readonly version?: string
  readonly schema_sha256?: string
  readonly description_sha256?: string
  readonly description?: string
  readonly input_schema?: Readonly<Record<string, unknown>>
  readonly annotations?: ToolAnnotations
}

/**
 * A destination-like value seen in arguments, result or intent, as a keyed fingerprint: equality can be seen, the
 * value cannot. PEPs that may not ship content send these; Belay computes them itself where content is present.
 */
export interface Ref {
  readonly in: 'args' | 'result' | 'intent'
  /** email, url, domain, ip, account, phone, path, repo, channel, user, name … (open set) */
  readonly kind: string
  /** 16 to 64 hex digits of HMAC-SHA-256 over the normalised value */
  readonly fp: string
  /** the text that named it came from outside (result of a tool), as far as the PEP knows */
  readonly untrusted?: boolean
  /** named inside a sentence that tells the reader to do something */
  readonly imperative?: boolean
}

export interface Egress {
  readonly host?: string
  readonly ip?: string
  readonly port?: number
  readonly proto?: string
  readonly country?: string
  readonly asn?: number
  readonly bytes_out?: number
  readonly bytes_in?: number
}

export interface CallResult {
  readonly status: ResultStatus
  readonly error_code?: string
  readonly http_status?: number
  readonly bytes?: number
  readonly records?: number
  readonly duration_ms?: number
  readonly sha256?: string
  readonly mime?: string
  readonly sample?: string
  readonly labels?: readonly string[]
}

export interface AuthInfo {
  readonly outcome: 'success' | 'failure' | 'step_up_required' | 'step_up_ok'
  readonly method?: string
  readonly reason?: string
  readonly credential_sha256?: string
  readonly scopes?: readonly string[]
  readonly acr?: string
}

export interface DecisionInfo {
  readonly action?: string
  readonly enforced?: boolean
  readonly id?: string
  readonly origin?: 'callback' | 'query' | 'cache' | 'stale' | 'fail-open' | 'fail-closed' | 'none'
}

export interface EventData {
  /** MCP method name (open set), or `auth`, or `heartbeat` */
  readonly op: string
  readonly phase: Phase
  /** joins request and response; unique per call */
  readonly call_id: string
  readonly seq?: number
  readonly tenant?: string
  readonly agent: AgentInfo
  readonly session: SessionInfo
  readonly server: ServerInfo
  readonly tool?: ToolInfo
  readonly tools?: readonly ToolInfo[]
  readonly target?: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly args_sha256?: string
  readonly args_bytes?: number
  readonly args_redacted?: readonly string[]
  readonly refs?: readonly Ref[]
  readonly result?: CallResult
  readonly egress?: readonly Egress[]
  readonly auth?: AuthInfo
  readonly decision?: DecisionInfo
  readonly intent?: { readonly text?: string; readonly model?: string; readonly prompt_sha256?: string }
  readonly env?: {
    readonly region?: string
    readonly country?: string
    readonly host?: string
    readonly posture?: string
    readonly cpu_pct?: number
    readonly mem_mb?: number
    readonly protocol?: string
  }
  readonly trace?: Readonly<Record<string, unknown>>
  readonly ext?: Readonly<Record<string, unknown>>
}

/** The wire form, after redaction: what is stored, and what a replay reads. */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: 'agent.tool.event.v1'
  readonly time: string
  readonly data: EventData
}

/** Where an event entered: `origin` names one ordered stream (a Kafka partition, a process's ingest), `position` its place there. */
export interface Provenance {
  readonly origin: string
  readonly position: number
}

export type ClockFlag = 'on-time' | 'late' | 'ahead'
export type SignatureState = 'unchecked' | 'absent' | 'valid' | 'invalid'

/** An accepted event: valid, redacted, with refs, its tenant bound and its time repaired. */
export interface ToolEvent extends Provenance {
  readonly source: string
  readonly id: string
  readonly tenant: string
  /** Unix milliseconds used for windows: the event's own time, or the receive time when the clock flag is not `on-time` */
  readonly timeMs: number
  /** Unix milliseconds at which the first durable part of the path had it (broker append time, ingest time) */
  readonly receivedMs: number
  readonly clock: ClockFlag
  readonly signature: SignatureState
  readonly cloud: CloudEvent
  /** the same object as `cloud.data` */
  readonly data: EventData
}

export type RejectReason = 'json' | 'schema' | 'signature' | 'size' | 'time' | 'handler'

/** An event that cannot be taken: dead-lettered with its original bytes, never dropped in silence. */
export interface Rejected extends Provenance {
  readonly reason: RejectReason
  /** a sentence that says what to do */
  readonly error: string
  /** JSON pointer of the offending member, where there is one */
  readonly pointer?: string
  readonly receivedMs: number
  readonly attempts: number
  /** original bytes, cut at 256 KiB */
  readonly bytes: Uint8Array
  readonly key?: string
  readonly tenant?: string
}

/** What identifies a session: a session id alone is an agent's word, and agents share gateways. */
export type SessionKey = string & { readonly __brand: 'SessionKey' }

export function sessionKey(tenant: string, agentId: string, sessionId: string): SessionKey {
  return `${tenant}\u001f${agentId}\u001f${sessionId}` as SessionKey
}

/** tenant and agent, joined: the beginning of the keys of all its sessions */
export function agentKey(tenant: string, agentId: string): string {
  return `${tenant}\u001f${agentId}`
}

export function sessionKeyOf(event: ToolEvent): SessionKey {
  return sessionKey(event.tenant, event.data.agent.id, event.data.session.id)
}

/** The role a baseline is learnt for; an agent that states none is its own role. */
export function roleOf(data: EventData): string {
  return data.agent.role ?? data.agent.id
}
