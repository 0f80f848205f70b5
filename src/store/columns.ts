import type { CloudEvent, Egress, Finding, Judged, LeaseChange, Rejected } from '../model/index.ts'
import { fitColumns, roleOf } from '../model/index.ts'
import { type Column, columnsOf, itself } from './rowbinary.ts'

/**
 * The columns that are written, in the order in which they are sent: names and types as the schema declares them (a
 * test holds both equal), values as the model names them.
 */

/** A table with its columns: all that an insert needs. */
export interface Rows<Row> {
  readonly table: string
  readonly columns: readonly Column<Row>[]
}

const HOUR_MS = 3_600_000
const event = columnsOf<Judged>()

export const EVENTS: Rows<Judged> = {
  table: 'event_rows',
  columns: [
    event.word('tenant', (j) => j.event.tenant),
    event.text('agent_id', (j) => j.event.data.agent.id),
    event.text('session_id', (j) => j.event.data.session.id),
    event.word('source', (j) => j.event.source),
    event.text('event_id', (j) => j.event.id),
    event.time('time', (j) => j.event.timeMs),
    event.time('received', (j) => j.event.receivedMs),
    event.word('clock', (j) => j.event.clock),
    event.word('signature', (j) => j.event.signature),
    event.word('origin', (j) => j.event.origin),
    event.uint64('position', (j) => j.event.position),

    event.word('op', (j) => j.event.data.op),
    event.word('phase', (j) => j.event.data.phase),
    event.text('call_id', (j) => j.event.data.call_id),
    event.uint64('seq', (j) => j.event.data.seq),
    event.word('role', (j) => roleOf(j.event.data)),
    event.word('agent_version', (j) => j.event.data.agent.version),
    event.word('user', (j) => j.event.data.agent.on_behalf_of),
    event.word('session_kind', (j) => j.event.data.session.kind),
    event.text('session_parent', (j) => j.event.data.session.parent),
    event.word('client_ip', (j) => j.event.data.session.client_ip),

    event.word('server', (j) => j.event.data.server.id),
    event.word('tool', (j) => j.event.data.tool?.name),
    event.word('schema_sha256', (j) => j.event.data.tool?.schema_sha256),
    event.word('description_sha256', (j) => j.event.data.tool?.description_sha256),
    event.text('target', (j) => j.event.data.target),
    event.maybeUint64('args_bytes', (j) => j.event.data.args_bytes),
    event.text('args_sha256', (j) => j.event.data.args_sha256),

    event.word('status', (j) => j.event.data.result?.status),
    event.word('error_code', (j) => j.event.data.result?.error_code),
    event.uint16('http_status', (j) => j.event.data.result?.http_status),
    event.maybeUint64('bytes', (j) => j.event.data.result?.bytes),
    event.maybeUint64('records', (j) => j.event.data.result?.records),
    event.maybeFloat('duration_ms', (j) => j.event.data.result?.duration_ms),
    event.words('labels', (j) => j.event.data.result?.labels, itself),

    event.words(
      'refs.in',
      (j) => j.event.data.refs,
      (ref) => ref.in,
    ),
    event.words(
      'refs.kind',
      (j) => j.event.data.refs,
      (ref) => ref.kind,
    ),
    event.texts(
      'refs.fp',
      (j) => j.event.data.refs,
      (ref) => ref.fp,
    ),
    event.bools(
      'refs.untrusted',
      (j) => j.event.data.refs,
      (ref) => ref.untrusted,
    ),
    event.bools(
      'refs.imperative',
      (j) => j.event.data.refs,
      (ref) => ref.imperative,
    ),
    event.words(
      'egress_hosts',
      (j) => j.event.data.egress,
      (to) => to.host ?? to.ip,
    ),
    event.words(
      'egress_countries',
      (j) => j.event.data.egress,
      (to) => to.country,
    ),
    event.words('egress_ports', (j) => j.event.data.egress, portOf),
    event.uint64('egress_bytes', (j) => j.event.data.egress?.reduce((sum, to) => sum + (to.bytes_out ?? 0), 0)),

    event.word('auth_outcome', (j) => j.event.data.auth?.outcome),
    event.word('credential_sha256', (j) => j.event.data.auth?.credential_sha256),
    event.word('decision_action', (j) => j.event.data.decision?.action),
    event.bool('decision_enforced', (j) => j.event.data.decision?.enforced),
    event.text('decision_id', (j) => j.event.data.decision?.id),
    event.word('env_region', (j) => j.event.data.env?.region),
    event.word('env_host', (j) => j.event.data.env?.host),
    event.word('env_posture', (j) => j.event.data.env?.posture),
    event.maybeFloat('cpu_pct', (j) => j.event.data.env?.cpu_pct),
    event.maybeFloat('mem_mb', (j) => j.event.data.env?.mem_mb),
    event.words(
      'listed.tool',
      (j) => j.event.data.tools,
      (tool) => tool.name,
    ),
    event.words(
      'listed.schema_sha256',
      (j) => j.event.data.tools,
      (tool) => tool.schema_sha256,
    ),
    event.words(
      'listed.description_sha256',
      (j) => j.event.data.tools,
      (tool) => tool.description_sha256,
    ),

    event.word('token', (j) => j.facts.token),
    event.bool('first_of_call', (j) => j.facts.firstOfCall),
    event.words('parameters', (j) => j.facts.parameters, itself),
    event.time('agent_hour', (j) => j.agentHour.hour * HOUR_MS),
    event.uint64('agent_hour_calls', (j) => j.agentHour.calls),
    event.uint64('agent_hour_bytes', (j) => j.agentHour.bytes),
    event.uint64('agent_hour_records', (j) => j.agentHour.records),

    event.float('score', (j) => j.verdict.score),
    event.float('risk', (j) => j.verdict.risk),
    event.word('action', (j) => j.verdict.action),
    event.word('baseline', (j) => j.verdict.baseline),
    event.text('finding_id', (j) => j.verdict.findings[0]?.id),
    event.words(
      'signal.by',
      (j) => j.verdict.signals,
      (signal) => signal.by.id,
    ),
    event.words(
      'signal.kind',
      (j) => j.verdict.signals,
      (signal) => signal.by.kind,
    ),
    event.floats(
      'signal.strength',
      (j) => j.verdict.signals,
      (signal) => signal.strength,
    ),
    event.doubles(
      'signal.tail',
      (j) => j.verdict.signals,
      (signal) => signal.tail,
    ),
    event.floats(
      'signal.evidence',
      (j) => j.verdict.signals,
      (signal) => signal.evidence,
    ),
    event.texts(
      'signal.reasons',
      (j) => j.verdict.signals,
      (signal) => JSON.stringify(signal.reasons),
    ),
    event.words(
      'unjudged.detector',
      (j) => j.verdict.unjudged,
      (one) => one.detector,
    ),
    event.words(
      'unjudged.missing',
      (j) => j.verdict.unjudged,
      (one) => one.missing,
    ),

    event.text('event', (j) => textOf(j.event.cloud)),
  ],
}

/** Without the refs that have columns of their own: fingerprints are half of an event's text and do not compress. */
function textOf(cloud: CloudEvent): string {
  const { data } = cloud
  if (data.refs === undefined || !fitColumns(data.refs)) return JSON.stringify(cloud)
  return JSON.stringify({ ...cloud, data: { ...data, refs: undefined } })
}

function portOf({ host, ip, port }: Egress): string | undefined {
  return port === undefined ? undefined : `${host ?? ip ?? ''}:${port}`
}

const finding = columnsOf<Finding>()

export const FINDINGS: Rows<Finding> = {
  table: 'finding_revision_rows',
  columns: [
    finding.word('tenant', (f) => f.tenant),
    finding.text('finding_id', (f) => f.id),
    finding.time('revised', (f) => f.latest.atMs),
    finding.word('revised_source', (f) => f.latest.source),
    finding.text('revised_event', (f) => f.latest.id),
    finding.text('revised_call', (f) => f.latest.callId),
    finding.word('activity', (f) => f.activity),
    finding.time('opened', (f) => f.openedMs),
    finding.uint64('count', (f) => f.count),
    finding.text('agent_id', (f) => f.agent),
    finding.word('role', (f) => f.role),
    finding.text('session_id', (f) => f.session),
    finding.word('cause', (f) => f.cause),
    finding.text('title', (f) => f.title),
    finding.word('severity', (f) => f.severity),
    finding.float('risk', (f) => f.risk),
    finding.float('score', (f) => f.score),
    finding.text('reasons', (f) => JSON.stringify(f.reasons)),
    finding.words('signals', (f) => f.signals, itself),
    finding.words('tags', (f) => f.tags, itself),
    finding.words('runbook', (f) => f.runbook, itself),
    finding.word('baseline', (f) => f.baseline),
    finding.text('passport', (f) => f.passport && JSON.stringify(f.passport)),
    finding.word('rule_set', (f) => f.ruleSet),
    finding.word('source', (f) => f.eventSource),
    finding.text('event_id', (f) => f.eventId),
    finding.text('call_id', (f) => f.callId),
    finding.word('server', (f) => f.server),
    finding.word('tool', (f) => f.tool),
    finding.time('time', (f) => f.atMs),
  ],
}

const letter = columnsOf<Rejected>()

export const DEAD_LETTERS: Rows<Rejected> = {
  table: 'dead_letter_rows',
  columns: [
    letter.word('origin', (r) => r.origin),
    letter.uint64('position', (r) => r.position),
    letter.time('received', (r) => r.receivedMs),
    letter.word('tenant', (r) => r.tenant),
    letter.word('reason', (r) => r.reason),
    letter.text('error', (r) => r.error),
    letter.text('pointer', (r) => r.pointer),
    letter.uint64('attempts', (r) => r.attempts),
    letter.text('message_key', (r) => r.key),
    { name: 'bytes', type: 'String', write: (to, r) => to.raw(r.bytes) },
  ],
}

const change = columnsOf<LeaseChange>()

export const LEASE_CHANGES: Rows<LeaseChange> = {
  table: 'containment_change_rows',
  columns: [
    change.word('tenant', (c) => c.lease.order.tenant),
    change.text('containment_id', (c) => c.lease.order.id),
    change.uint64('revision', (c) => c.lease.revision),
    change.word('state', (c) => c.lease.state),
    change.word('gateway', (c) => c.gateway),
    change.uint64('attempt', (c) => c.attempt),
    change.time('time', (c) => c.atMs),
    change.word('level', (c) => c.lease.order.level),
    change.word('target_kind', (c) => c.lease.order.target.kind),
    change.text('target_id', (c) => c.lease.order.target.id),
    change.text('target_agent', (c) => c.lease.order.target.agent),
    change.word('cause', (c) => c.lease.order.cause),
    change.text('reason', (c) => c.lease.order.reason),
    change.word('severity', (c) => c.lease.order.severity),
    change.float('score', (c) => c.lease.order.score),
    change.text('finding_id', (c) => c.lease.order.findingId),
    change.words('rules', (c) => c.lease.order.rules, itself),
    change.time('issued', (c) => c.lease.order.issuedMs),
    change.time('expires', (c) => c.lease.order.expiresMs),
    change.word('mode', (c) => c.lease.order.mode),
    change.word('source', (c) => c.lease.order.evidence.source),
    change.text('event_id', (c) => c.lease.order.evidence.id),
    change.text('call_id', (c) => c.lease.order.evidence.callId),
    change.time('event_received', (c) => c.lease.order.evidence.receivedMs),
    change.maybeTime('applied', (c) => c.lease.appliedMs),
    change.text('released_by', (c) => c.lease.releasedBy),
    change.text('detail', (c) => c.lease.detail),
  ],
}
