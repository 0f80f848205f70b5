import type { EventData, Finding, Judged, Lease, LeaseChange, Order, ToolEvent, Verdict } from '../model/index.ts'
import { T0_MS, toolEvent } from './events.ts'

/** An event as the middle of the path leaves it, with nothing unusual in it unless `verdict` says so. */
export function judgedEvent(event: ToolEvent, verdict: Partial<Verdict> = {}): Judged {
  return {
    event,
    facts: {
      token: `${event.data.op}:${event.data.tool?.name ?? ''}`,
      firstOfCall: event.data.phase === 'request',
      parameters: Object.keys(event.data.args ?? {}).map((name) => `${name}=text`),
    },
    agentHour: { hour: Math.floor(event.timeMs / 3_600_000), calls: 1, bytes: 0, records: 0 },
    verdict: {
      score: 0,
      risk: 0,
      baseline: 'none',
      signals: [],
      unjudged: [],
      action: 'allow',
      findings: [],
      duplicate: false,
      ...verdict,
    },
    orders: [],
  }
}

/** `count` calls, request and response, of ten agents with one session each, a second apart, from `fromPosition` on. */
export function judgedCalls(count: number, fromPosition = 0, startMs = T0_MS): readonly Judged[] {
  const judged: Judged[] = []
  for (let call = 0; call < count; call++) {
    for (const phase of ['request', 'response'] as const) {
      const position = fromPosition + judged.length
      const agent = `agent-${call % 10}`
      const data = {
        phase,
        call_id: `call-${fromPosition + 2 * call}`,
        agent: { id: agent, role: 'clerk' },
        session: { id: `session-of-${agent}` },
        ...(phase === 'response' ? { result: { status: 'ok', bytes: 100 } } : {}),
      } as const
      const timeMs = startMs + 1000 * position
      judged.push(
        judgedEvent(
          toolEvent(data as Partial<EventData>, { id: `event-at-${position}`, position, timeMs, tenant: 'acme' }),
        ),
      )
    }
  }
  return judged
}

export function findingOf({ event }: Judged, finding: Partial<Finding> = {}): Finding {
  return {
    id: 'finding-1',
    activity: 'created',
    tenant: event.tenant,
    agent: event.data.agent.id,
    role: event.data.agent.role ?? event.data.agent.id,
    session: event.data.session.id,
    cause: 'unusual-sequence',
    title: 'A step that this role has never taken',
    severity: 'high',
    risk: 0.9,
    score: 6.2,
    reasons: [{ what: '`send_money` after `read_file`', observed: '1', expected: 'seen in 0 of 412 sessions' }],
    signals: ['unusual-sequence'],
    tags: ['AML.T0053'],
    runbook: ['Look at the calls before it', 'Ask the owner of the agent'],
    baseline: 'none',
    eventSource: event.source,
    eventId: event.id,
    callId: event.data.call_id,
    server: event.data.server.id,
    tool: event.data.tool?.name ?? '',
    atMs: event.timeMs,
    openedMs: event.timeMs,
    count: 1,
    latest: { source: event.source, id: event.id, callId: event.data.call_id, atMs: event.timeMs },
    ...finding,
  }
}

/** A lease of `order-1` that has come to `state`, `seconds` after it was ordered. */
export function leaseChange(state: Lease['state'], seconds: number, order: Partial<Order> = {}): LeaseChange {
  const atMs = T0_MS + 1000 * seconds
  return {
    atMs,
    lease: {
      revision: 1,
      state,
      updatedMs: atMs,
      order: {
        id: 'order-1',
        tenant: 'acme',
        level: 'suspend_session',
        target: { kind: 'session', id: 'session-of-agent-1', agent: 'agent-1' },
        cause: 'unusual-sequence',
        reason: 'A step that this role has never taken',
        severity: 'high',
        score: 0.9,
        findingId: 'finding-1',
        rules: [],
        issuedMs: T0_MS,
        expiresMs: T0_MS + 3_600_000,
        mode: 'enforce',
        evidence: { source: 'urn:pep:test', id: 'event-at-2', callId: 'call-2', receivedMs: T0_MS },
        ...order,
      },
    },
  }
}
