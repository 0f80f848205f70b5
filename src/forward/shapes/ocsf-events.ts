import type { EventNotice } from '../notice.ts'
import { ipOf } from './text.ts'

/** A tool call: API Activity 6003. */
export function apiActivity(notice: EventNotice, metadata: object): object {
  const { agent, agentName, session, server, tool, op, callId, user, readOnly, durationMs } = notice
  // What a server claims of its tool says at most that it reads.
  const activity = readOnly ? { id: 2, name: 'Read' } : { id: 99, name: op }
  return {
    class_uid: 6003,
    class_name: 'API Activity',
    category_uid: 6,
    category_name: 'Application Activity',
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: 600_300 + activity.id,
    time: notice.atMs,
    severity_id: 1,
    severity: 'Informational',
    ...statusOf(notice),
    ...(durationMs !== undefined && durationMs >= 0 && { duration: Math.round(durationMs) }),
    metadata,
    actor: {
      app_name: agentName ?? agent,
      app_uid: agent,
      session: { uid: session },
      ...(user !== undefined && { invoked_by: user, user: { name: user } }),
    },
    api: { operation: op, service: { name: server }, request: { uid: callId } },
    src_endpoint: endpointOf(agent, notice.clientIp),
    dst_endpoint: { name: server },
    ...(tool !== undefined && { resources: [{ name: tool, type: 'mcp_tool', uid: `${server}/${tool}` }] }),
    unmapped: {
      role: notice.role,
      event_id: notice.id,
      event_source: notice.source,
      ...(notice.bytes !== undefined && { bytes: notice.bytes }),
      ...(notice.errorCode !== undefined && { error_code: notice.errorCode }),
    },
  }
}

/** An auth outcome: Authentication 3002. Whoever logs in is the user, and else the agent. */
export function authentication(notice: EventNotice, metadata: object): object {
  const { agent, session, server, auth, user } = notice
  const isDone = auth?.outcome === 'success' || auth?.outcome === 'step_up_ok'
  const isStepUp = auth?.outcome === 'step_up_required' || auth?.outcome === 'step_up_ok'
  return {
    class_uid: 3002,
    class_name: 'Authentication',
    category_uid: 3,
    category_name: 'Identity & Access Management',
    activity_id: 1,
    activity_name: 'Logon',
    type_uid: 300_201,
    time: notice.atMs,
    severity_id: isDone ? 1 : 2,
    severity: isDone ? 'Informational' : 'Low',
    status_id: isDone ? 1 : 2,
    status: isDone ? 'Success' : 'Failure',
    status_detail: auth?.reason ?? auth?.outcome ?? 'unknown',
    ...(isStepUp && { is_mfa: true }),
    ...(auth?.method !== undefined && { auth_protocol_id: 99, auth_protocol: auth.method }),
    metadata,
    user: { name: user ?? agent, uid: user ?? agent },
    service: { name: server },
    session: { uid: session },
    actor: { app_name: notice.agentName ?? agent, app_uid: agent },
    src_endpoint: endpointOf(agent, notice.clientIp),
    unmapped: {
      role: notice.role,
      event_id: notice.id,
      event_source: notice.source,
      outcome: auth?.outcome,
      ...(auth?.scopes && { scopes: auth.scopes }),
      ...(auth?.credential_sha256 !== undefined && { credential_sha256: auth.credential_sha256 }),
    },
  }
}

function statusOf({ status, errorCode }: EventNotice): object {
  if (status === undefined) return { status_id: 0, status: 'Unknown' }
  const detail = errorCode ?? status
  if (status === 'ok') return { status_id: 1, status: 'Success' }
  if (status === 'input_required') return { status_id: 99, status: status, status_detail: detail }
  return { status_id: 2, status: 'Failure', status_detail: detail }
}

function endpointOf(agent: string, clientIp: string | undefined): object {
  const ip = ipOf(clientIp)
  return { name: agent, ...(ip !== undefined && { ip }) }
}
