import { type EventNotice, type FindingNotice, noticeId, timeOf } from '../notice.ts'
import type { Shape } from '../shape.ts'
import { isoTime, jsonLine } from './text.ts'

/** CloudEvents 1.0 structured JSON, in Belay's own words: everything that is known, nothing translated. */
export const json: Shape = {
  id: 'json',
  isJson: true,
  write(notice, product) {
    const isFinding = notice.kind === 'finding'
    return jsonLine({
      specversion: '1.0',
      id: noticeId(notice),
      source: `urn:${product.name.toLowerCase()}`,
      type: isFinding ? 'agent.alert.v1' : 'agent.activity.v1',
      subject: isFinding ? notice.finding.id : notice.id,
      time: isoTime(timeOf(notice)),
      datacontenttype: 'application/json',
      data: isFinding ? alert(notice) : activity(notice),
    })
  },
}

function alert({ finding, by, scene, sample }: FindingNotice): object {
  const { disposition, containment, passport, latest } = finding
  return {
    ...(sample === true && { sample }),
    finding_id: finding.id,
    activity: finding.activity,
    severity: finding.severity,
    title: finding.title,
    cause: finding.cause,
    raised_by: by,
    risk: finding.risk,
    score_nats: finding.score,
    tenant: finding.tenant,
    agent: { id: finding.agent, role: finding.role },
    session: { id: finding.session },
    server: { id: finding.server },
    ...(finding.tool !== undefined && finding.tool !== '' && { tool: { name: finding.tool } }),
    reasons: finding.reasons,
    signals: finding.signals,
    tags: finding.tags,
    runbook: finding.runbook,
    baseline: finding.baseline,
    ...(passport && { passport }),
    ...(finding.ruleSet !== undefined && { rule_set: finding.ruleSet }),
    opened: isoTime(finding.openedMs),
    count: finding.count,
    event: { source: finding.eventSource, id: finding.eventId, call_id: finding.callId },
    latest: { source: latest.source, id: latest.id, call_id: latest.callId, time: isoTime(latest.atMs) },
    ...(scene.op !== undefined && { op: scene.op }),
    ...(scene.user !== undefined && { user: scene.user }),
    ...(scene.clientIp !== undefined && { client_ip: scene.clientIp }),
    ...(scene.egress !== undefined && { egress: scene.egress }),
    ...(containment && { containment }),
    ...(disposition && {
      disposition: {
        kind: disposition.kind,
        by: disposition.by,
        reason: disposition.reason,
        time: isoTime(disposition.atMs),
        ...(disposition.duplicateOf !== undefined && { duplicate_of: disposition.duplicateOf }),
      },
    }),
  }
}

function activity(notice: EventNotice): object {
  const { atMs, callId, agent, agentName, role, session, server, tool, readOnly, clientIp, ...rest } = notice
  const { errorCode, durationMs, ...plain } = rest
  return {
    ...plain,
    call_id: callId,
    time: isoTime(atMs),
    agent: { id: agent, role, ...(agentName !== undefined && { name: agentName }) },
    session: { id: session },
    server: { id: server },
    ...(tool !== undefined && { tool: { name: tool, read_only: readOnly } }),
    ...(clientIp !== undefined && { client_ip: clientIp }),
    ...(errorCode !== undefined && { error_code: errorCode }),
    ...(durationMs !== undefined && { duration_ms: durationMs }),
  }
}
