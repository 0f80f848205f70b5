import { createHash } from 'node:crypto'
import type { AuthInfo, Egress, Finding, Judged, ResultStatus, Severity, ToolEvent } from '../model/index.ts'
import { revisionOf, roleOf } from '../model/index.ts'

/**
 * Who carried a finding: a detector, a written rule, or Belay itself, about a containment of its own. `unknown`: a later
 * word on a finding, whose first one said it.
 */
export type Carrier = 'detector' | 'rule' | 'belay' | 'unknown'

/** What the event of a finding shows beside it, for whoever joins it with other logs. */
export interface Scene {
  readonly op?: string
  /** on whose behalf the agent acts */
  readonly user?: string
  readonly clientIp?: string
  readonly egress?: readonly Egress[]
}

export interface FindingNotice {
  readonly kind: 'finding'
  readonly finding: Finding
  readonly by: Carrier
  readonly scene: Scene
  /** sent by `belay forward test`, about nothing that happened */
  readonly sample?: true
}

/** An event as SIEMs keep it: who called what, and how it ended; never arguments or results. */
export interface EventNotice {
  readonly kind: 'call' | 'auth'
  readonly tenant: string
  readonly source: string
  readonly id: string
  readonly callId: string
  /** Unix milliseconds */
  readonly atMs: number
  readonly op: string
  readonly agent: string
  readonly agentName?: string
  readonly role: string
  readonly session: string
  readonly server: string
  readonly tool?: string
  /** the server's own claim */
  readonly readOnly: boolean
  readonly status?: ResultStatus
  readonly errorCode?: string
  readonly durationMs?: number
  readonly bytes?: number
  readonly auth?: AuthInfo
  readonly user?: string
  readonly clientIp?: string
}

/** What is forwarded. */
export type Notice = FindingNotice | EventNotice
export type NoticeKind = 'findings' | 'calls' | 'auth'

/** What a destination asks for by default knows a severity; an event has none of its own. */
export type NoticeSeverity = Severity | 'info'

/**
 * Everything of a batch that some destination wants. Of a call only the response is told, which has what the request
 * had. A duplicate was told before.
 */
export function noticesOf(judged: readonly Judged[], wanted: ReadonlySet<NoticeKind>): readonly Notice[] {
  const notices: Notice[] = []
  for (const one of judged) {
    if (one.verdict.duplicate) continue
    if (wanted.has('findings')) for (const finding of one.verdict.findings) notices.push(noticeOf(finding, one))
    const { op, phase } = one.event.data
    if (op === 'auth' && wanted.has('auth')) notices.push(eventNotice('auth', one.event))
    else if (op === 'tools/call' && phase === 'response' && wanted.has('calls'))
      notices.push(eventNotice('call', one.event))
  }
  return notices
}

function noticeOf(finding: Finding, { event, verdict }: Judged): FindingNotice {
  const by = verdict.signals.find((signal) => signal.by.id === finding.cause)?.by.kind ?? 'detector'
  const { op, agent, session, egress } = event.data
  // A later revision still tells of the worst event; what this one connected to is not that one's.
  const isThis = finding.eventId === event.id && finding.eventSource === event.source
  return {
    kind: 'finding',
    finding,
    by,
    scene: {
      op,
      ...(agent.on_behalf_of !== undefined && { user: agent.on_behalf_of }),
      ...(session.client_ip !== undefined && { clientIp: session.client_ip }),
      ...(isThis && egress !== undefined && { egress: egress.slice(0, MAX_EGRESS) }),
    },
  }
}

const MAX_EGRESS = 8

function eventNotice(kind: 'call' | 'auth', { tenant, source, id, timeMs, data }: ToolEvent): EventNotice {
  const { agent, session, tool, result, auth } = data
  return {
    kind,
    tenant,
    source,
    id,
    callId: data.call_id,
    atMs: timeMs,
    op: data.op,
    agent: agent.id,
    ...(agent.name !== undefined && { agentName: agent.name }),
    role: roleOf(data),
    session: session.id,
    server: data.server.id,
    ...(tool && { tool: tool.name }),
    readOnly: tool?.annotations?.readOnlyHint === true,
    ...(result && { status: result.status }),
    ...(result?.error_code !== undefined && { errorCode: result.error_code }),
    ...(result?.duration_ms !== undefined && { durationMs: result.duration_ms }),
    ...(result?.bytes !== undefined && { bytes: result.bytes }),
    ...(auth && { auth }),
    ...(agent.on_behalf_of !== undefined && { user: agent.on_behalf_of }),
    ...(session.client_ip !== undefined && { clientIp: session.client_ip }),
  }
}

/** Names what is told, the same after a crash: receivers know a repetition by it. 32 hex digits. */
export function noticeId(notice: Notice): string {
  const name =
    notice.kind === 'finding' ? revisionOf(notice.finding) : [notice.kind, notice.source, notice.id].join('\u001f')
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}

export function tenantOf(notice: Notice): string {
  return notice.kind === 'finding' ? notice.finding.tenant : notice.tenant
}

export function severityOf(notice: Notice): NoticeSeverity {
  return notice.kind === 'finding' ? notice.finding.severity : 'info'
}

/** When it happened, Unix milliseconds: the event that made this revision, or what an analyst said of it. */
export function timeOf(notice: Notice): number {
  if (notice.kind !== 'finding') return notice.atMs
  return notice.finding.disposition?.atMs ?? notice.finding.latest.atMs
}

/** Notices of one key keep their order: all of one agent. */
export function orderKey(notice: Notice): string {
  const { tenant, agent } = notice.kind === 'finding' ? notice.finding : notice
  return `${tenant}/${agent}`
}
