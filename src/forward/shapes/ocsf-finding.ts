import type { Finding, FindingContainment, Reason } from '../../model/index.ts'
import type { Scene } from '../notice.ts'
import { type Tags, techniqueName } from './tags.ts'
import { ipOf } from './text.ts'

/** Parts of an OCSF Detection Finding: each function fills one attribute. */

const LEASE_IN_FORCE = new Set(['requested', 'renewed', 'delivered', 'acknowledged', 'in_effect'])

/** Action and disposition of the profile `security_control`: what was done about it, as far as it is known. */
export function securityControl(containment: FindingContainment | undefined): object {
  if (containment === undefined || !LEASE_IN_FORCE.has(containment.state))
    return { action_id: 3, action: 'Observed', disposition_id: 15, disposition: 'Detected' }
  switch (containment.level) {
    case 'monitor':
      return { action_id: 3, action: 'Observed', disposition_id: 15, disposition: 'Detected' }
    case 'require_step_up':
      return { action_id: 2, action: 'Denied', disposition_id: 23, disposition: 'Challenge' }
    case 'quarantine_tool':
      return { action_id: 2, action: 'Denied', disposition_id: 3, disposition: 'Quarantined' }
    case 'restrict_read_only':
      return { action_id: 2, action: 'Denied', disposition_id: 2, disposition: 'Blocked' }
    case 'suspend_session':
      return { action_id: 2, action: 'Denied', disposition_id: 24, disposition: 'Access Revoked' }
  }
}

export function attacks({ atlas, attack }: Tags): object[] {
  return [
    ...atlas.map((uid) => ({ version: 'ATLAS 5.6.0', technique: techniqueOf(uid) })),
    ...attack.map((uid) => ({ version: 'ATT&CK', technique: techniqueOf(uid) })),
  ]
}

function techniqueOf(uid: string): object {
  const name = techniqueName(uid)
  return { uid, ...(name !== undefined && { name }) }
}

/** What was seen as anomalies, what is usual as baselines; both carry the reason's words as their parameter. */
export function anomalyAnalyses({ agent, role, reasons }: Finding): object[] {
  return [
    {
      analysis_targets: [
        { name: role, type: 'agent_role' },
        { name: agent, type: 'agent' },
      ],
      anomalies: reasons.map((reason) => ({
        observation_parameter: reason.what,
        observations: [{ value: reason.observed, count: 1 }],
      })),
      baselines: reasons.map(baselineOf),
    },
  ]
}

function baselineOf({ what, expected, support }: Reason): object {
  const observation = { value: expected, ...(support && { count: support.sessions }) }
  return {
    observation_parameter: what,
    ...(support && { observation_type: 'sessions' }),
    observations: [observation],
  }
}

export function evidences(finding: Finding, scene: Scene): object[] {
  const { agent, session, server, tool, eventId, eventSource, callId } = finding
  const { op, user, clientIp, egress = [] } = scene
  const ip = ipOf(clientIp)
  const actor = {
    app_name: agent,
    app_uid: agent,
    session: { uid: session },
    ...(user !== undefined && { invoked_by: user, user: { name: user } }),
  }
  const api = {
    operation: [op ?? 'unknown', ...(tool === undefined || tool === '' ? [] : [tool])].join(':'),
    service: { name: server },
    ...(callId !== '' && { request: { uid: callId } }),
  }
  const first = {
    actor,
    api,
    ...(ip !== undefined && { src_endpoint: { name: agent, ip } }),
    data: { event_id: eventId, event_source: eventSource },
  }
  return [first, ...egress.flatMap(({ host, ip: address, port }) => destination(host, ipOf(address), port))]
}

function destination(host: string | undefined, ip: string | undefined, port: number | undefined): object[] {
  const name = host ?? ip
  if (name === undefined) return []
  const isPort = port !== undefined && Number.isInteger(port) && port >= 0 && port <= 65_535
  return [
    {
      dst_endpoint: {
        name,
        ...(host !== undefined && { hostname: host }),
        ...(ip !== undefined && { ip }),
        ...(isPort && { port }),
      },
    },
  ]
}

export function observables({ agent }: Finding, { user, clientIp, egress = [] }: Scene): object[] {
  const seen = new Map<string, object>()
  const add = (type_id: number, type: string, name: string, value: string | undefined) => {
    if (value !== undefined) seen.set(`${type_id} ${value}`, { type_id, type, name, value })
  }
  add(99, 'Agent', 'evidences[0].actor.app_uid', agent)
  add(4, 'User Name', 'evidences[0].actor.user.name', user)
  add(2, 'IP Address', 'evidences[0].src_endpoint.ip', ipOf(clientIp))
  for (const { host, ip } of egress) {
    add(1, 'Hostname', 'evidences.dst_endpoint.hostname', host)
    add(2, 'IP Address', 'evidences.dst_endpoint.ip', ipOf(ip))
  }
  return [...seen.values()]
}
