import { type EventNotice, type FindingNotice, noticeId, timeOf } from '../notice.ts'
import type { Product, Shape } from '../shape.ts'
import { readTags, techniqueName } from './tags.ts'
import { ipOf, isoTime, jsonLine } from './text.ts'

const ECS_VERSION = '8.17.0'

/** Elastic Common Schema 8.17. What ECS has no field for stands below `belay`. */
export const ecs: Shape = {
  id: 'ecs',
  isJson: true,
  write: (notice, product) => jsonLine(notice.kind === 'finding' ? alertOf(notice, product) : eventOf(notice, product)),
}

/** The numbers that Elastic's own rules use. */
const SEVERITIES = { low: 21, medium: 47, high: 73, critical: 99 } as const

function alertOf(notice: FindingNotice, product: Product): object {
  const { finding, scene, by } = notice
  const { atlas, attack } = readTags(finding.tags)
  const techniques = [...atlas, ...attack]
  return {
    ...headOf(notice, product),
    message: notice.sample === true ? `[TEST] ${finding.title}` : finding.title,
    event: {
      ...sourceOf(product, 'alert'),
      kind: 'alert',
      category: ['intrusion_detection'],
      type: [finding.containment === undefined ? 'info' : 'denied'],
      action: finding.activity,
      id: noticeId(notice),
      severity: SEVERITIES[finding.severity],
      risk_score: Math.round(finding.risk * 100),
      reason: finding.reasons
        .map(({ what, observed, expected }) => `${what}: ${observed} (usual: ${expected})`)
        .join('; '),
      start: isoTime(finding.openedMs),
    },
    rule: {
      id: finding.cause,
      name: finding.cause,
      description: finding.title,
      ...(by === 'rule' && finding.ruleSet !== undefined && { version: finding.ruleSet }),
    },
    ...(techniques.length > 0 && {
      threat: {
        framework: atlas.length > 0 ? 'MITRE ATLAS' : 'MITRE ATT&CK',
        technique: { id: techniques, name: techniques.map((id) => techniqueName(id) ?? id) },
      },
    }),
    ...peopleAndPlaces(scene.user, scene.clientIp),
    ...destinationOf(notice),
    labels: labelsOf(finding.agent, finding.role, finding.session, finding.server, finding.tool),
    tags: finding.tags,
    belay: {
      finding: {
        id: finding.id,
        activity: finding.activity,
        severity: finding.severity,
        raised_by: by,
        count: finding.count,
        signals: finding.signals,
        reasons: finding.reasons,
        runbook: finding.runbook,
        baseline: finding.baseline,
        ...(finding.containment && { containment: finding.containment }),
        ...(finding.disposition && { disposition: finding.disposition }),
      },
      event: { source: finding.eventSource, id: finding.eventId, call_id: finding.callId },
    },
  }
}

function eventOf(notice: EventNotice, product: Product): object {
  const { kind, op, auth, status, durationMs } = notice
  const isAuth = kind === 'auth'
  const isDone = isAuth ? auth?.outcome === 'success' || auth?.outcome === 'step_up_ok' : status === 'ok'
  const outcome = !isAuth && status === undefined ? 'unknown' : isDone ? 'success' : 'failure'
  return {
    ...headOf(notice, product),
    message: `${op} ${notice.tool ?? notice.server} ${outcome}`,
    event: {
      ...sourceOf(product, isAuth ? 'auth' : 'call'),
      kind: 'event',
      category: [isAuth ? 'authentication' : 'api'],
      type: [isAuth ? 'start' : notice.readOnly ? 'access' : 'info'],
      action: op,
      outcome,
      id: noticeId(notice),
      ...(durationMs !== undefined && { duration: Math.round(durationMs * 1_000_000) }),
    },
    ...peopleAndPlaces(notice.user, notice.clientIp),
    labels: labelsOf(notice.agent, notice.role, notice.session, notice.server, notice.tool),
    belay: { event: { source: notice.source, id: notice.id, call_id: notice.callId } },
  }
}

function headOf(notice: FindingNotice | EventNotice, product: Product): object {
  const { tenant } = notice.kind === 'finding' ? notice.finding : notice
  return {
    '@timestamp': isoTime(timeOf(notice)),
    ecs: { version: ECS_VERSION },
    organization: { id: tenant },
    observer: { vendor: product.vendor, product: product.name, version: product.version, type: 'ids' },
  }
}

function sourceOf({ name }: Product, what: string): object {
  const module = name.toLowerCase()
  return { module, dataset: `${module}.${what}`, provider: module }
}

function peopleAndPlaces(user: string | undefined, clientIp: string | undefined): object {
  const ip = ipOf(clientIp)
  return {
    ...(user !== undefined && { user: { name: user } }),
    ...(ip !== undefined && { source: { ip } }),
    ...((user !== undefined || ip !== undefined) && {
      related: { ...(user !== undefined && { user: [user] }), ...(ip !== undefined && { ip: [ip] }) },
    }),
  }
}

function destinationOf({ scene }: FindingNotice): object {
  const [first] = scene.egress ?? []
  if (first === undefined) return {}
  const ip = ipOf(first.ip)
  const { host, port } = first
  return {
    destination: {
      ...(host !== undefined && { domain: host, address: host }),
      ...(ip !== undefined && { ip }),
      ...(port !== undefined && { port }),
    },
  }
}

function labelsOf(agent: string, role: string, session: string, server: string, tool: string | undefined): object {
  return {
    agent_id: agent,
    agent_role: role,
    session_id: session,
    server,
    ...(tool !== undefined && tool !== '' && { tool: `${server}/${tool}` }),
  }
}
