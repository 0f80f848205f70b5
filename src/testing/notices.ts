import type { EventNotice, FindingNotice } from '../forward/notice.ts'
import type { Finding } from '../model/index.ts'
import { T0_MS, toolEvent } from './events.ts'
import { findingOf, judgedEvent } from './judged.ts'

/** A finding of an event one second after T0, as it is forwarded. */
export function findingNotice(finding: Partial<Finding> = {}, notice: Partial<FindingNotice> = {}): FindingNotice {
  const event = toolEvent(
    {
      call_id: 'call-1',
      agent: { id: 'invoice-bot', role: 'finance' },
      session: { id: 'run-77' },
      server: { id: 'mailer' },
      tool: { name: 'send_email' },
    },
    { id: 'event-1', timeMs: T0_MS + 1000, tenant: 'acme' },
  )
  return {
    kind: 'finding',
    by: 'detector',
    finding: findingOf(judgedEvent(event), finding),
    scene: {
      op: 'tools/call',
      user: 'alice@acme.test',
      clientIp: '10.0.0.7',
      egress: [{ host: 'smtp.evil.test', ip: '203.0.113.9', port: 587 }],
    },
    ...notice,
  }
}

export function eventNotice(notice: Partial<EventNotice> = {}): EventNotice {
  return {
    kind: 'call',
    tenant: 'acme',
    source: 'urn:pep:test',
    id: 'event-1',
    callId: 'call-1',
    atMs: T0_MS,
    op: 'tools/call',
    agent: 'invoice-bot',
    role: 'finance',
    session: 'run-77',
    server: 'mailer',
    tool: 'send_email',
    readOnly: false,
    status: 'ok',
    durationMs: 184.2,
    bytes: 52_210,
    user: 'alice@acme.test',
    clientIp: '10.0.0.7',
    ...notice,
  }
}
