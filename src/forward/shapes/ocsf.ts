import type { Finding } from '../../model/index.ts'
import { type EventNotice, type FindingNotice, type Notice, noticeId, timeOf } from '../notice.ts'
import type { Product, Shape } from '../shape.ts'
import { apiActivity, authentication } from './ocsf-events.ts'
import { anomalyAnalyses, attacks, evidences, observables, securityControl } from './ocsf-finding.ts'
import { readTags } from './tags.ts'
import { jsonLine } from './text.ts'

/** Open Cybersecurity Schema Framework 1.8.0: Detection Finding 2004, API Activity 6003, Authentication 3002. */
export const ocsf: Shape = {
  id: 'ocsf',
  isJson: true,
  write: (notice, product) => jsonLine(ocsfOf(notice, product)),
}

export function ocsfOf(notice: Notice, product: Product): object {
  if (notice.kind === 'finding') return detectionFinding(notice, product)
  const metadata = metadataOf(notice, product, 'agent.tool.events.v1')
  return notice.kind === 'auth' ? authentication(notice, metadata) : apiActivity(notice, metadata)
}

export const OCSF_VERSION = '1.8.0'

function metadataOf(notice: FindingNotice | EventNotice, product: Product, logName: string): object {
  const { tenant } = notice.kind === 'finding' ? notice.finding : notice
  return {
    version: OCSF_VERSION,
    product: { name: product.name, vendor_name: product.vendor, version: product.version },
    uid: noticeId(notice),
    log_name: logName,
    tenant_uid: tenant,
    profiles: notice.kind === 'finding' ? ['security_control'] : [],
  }
}

const ACTIVITIES = {
  created: { id: 1, name: 'Create' },
  updated: { id: 2, name: 'Update' },
  closed: { id: 3, name: 'Close' },
} as const
const SEVERITIES = {
  low: { id: 2, name: 'Low' },
  medium: { id: 3, name: 'Medium' },
  high: { id: 4, name: 'High' },
  critical: { id: 5, name: 'Critical' },
} as const

function detectionFinding(notice: FindingNotice, product: Product): object {
  const { finding, scene } = notice
  const activity = ACTIVITIES[finding.activity]
  const severity = SEVERITIES[finding.severity]
  return {
    class_uid: 2004,
    class_name: 'Detection Finding',
    category_uid: 2,
    category_name: 'Findings',
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: 200_400 + activity.id,
    time: timeOf(notice),
    severity_id: severity.id,
    severity: severity.name,
    ...statusOf(finding),
    is_alert: finding.activity !== 'closed',
    risk_score: Math.round(finding.risk * 100),
    message: notice.sample === true ? `[TEST] ${finding.title}` : finding.title,
    metadata: metadataOf(notice, product, 'agent.alerts.v1'),
    ...securityControl(finding.containment),
    finding_info: findingInfo(notice),
    evidences: evidences(finding, scene),
    observables: observables(finding, scene),
    ...(finding.reasons.length > 0 && { anomaly_analyses: anomalyAnalyses(finding) }),
    ...(finding.runbook.length > 0 && { remediation: { desc: finding.runbook.join('\n') } }),
    ...(finding.disposition && { comment: `${finding.disposition.by}: ${finding.disposition.reason}` }),
    unmapped: unmapped(finding),
  }
}

/** New until an analyst has said what it was; a false positive and a duplicate are suppressed, the others resolved. */
function statusOf({ activity, disposition }: Finding): object {
  if (disposition !== undefined) {
    const isSuppressed = disposition.kind === 'false_positive' || disposition.kind === 'duplicate'
    const status = isSuppressed ? { status_id: 3, status: 'Suppressed' } : { status_id: 4, status: 'Resolved' }
    return { ...status, status_detail: disposition.kind }
  }
  if (activity === 'closed') return { status_id: 4, status: 'Resolved' }
  return activity === 'created' ? { status_id: 1, status: 'New' } : { status_id: 2, status: 'In Progress' }
}

const ANALYTICS = {
  rule: { type_id: 1, type: 'Rule' },
  detector: { type_id: 2, type: 'Behavioral' },
  belay: { type_id: 99, type: 'Containment' },
  unknown: { type_id: 0, type: 'Unknown' },
} as const

function findingInfo({ finding, by }: FindingNotice): object {
  const tags = readTags(finding.tags)
  return {
    uid: finding.id,
    title: finding.title,
    types: [finding.cause],
    desc: finding.reasons.map((reason) => `${reason.what}: ${reason.observed}; usual: ${reason.expected}`).join('\n'),
    created_time: finding.openedMs,
    first_seen_time: finding.openedMs,
    last_seen_time: Math.max(finding.openedMs, finding.latest.atMs),
    ...(finding.activity !== 'created' && { modified_time: finding.disposition?.atMs ?? finding.latest.atMs }),
    analytic: {
      uid: finding.cause,
      name: finding.cause,
      ...ANALYTICS[by],
      ...(by === 'rule' && finding.ruleSet !== undefined && { version: finding.ruleSet }),
    },
    attacks: attacks(tags),
    tags: [
      { name: 'owasp_agentic', values: tags.agentic },
      { name: 'owasp_mcp', values: tags.mcp },
      { name: 'other', values: tags.other },
    ].filter(({ values }) => values.length > 0),
    related_events: relatedEvents(finding),
    related_events_count: finding.count,
  }
}

function relatedEvents({ eventId, latest }: Finding): object[] {
  const ids = eventId === latest.id ? [eventId] : [eventId, latest.id]
  return ids.filter((id) => id !== '').map((uid) => ({ uid, type: 'agent.tool.event.v1' }))
}

function unmapped(finding: Finding): object {
  const { agent, role, session, signals, baseline, passport, ruleSet, containment, disposition, score } = finding
  return {
    agent: { id: agent, role },
    session: { id: session },
    signals,
    score_nats: score,
    baseline: passport ?? { version: baseline },
    ...(ruleSet !== undefined && { rule_set: ruleSet }),
    ...(containment && { containment }),
    ...(disposition && { disposition }),
  }
}
