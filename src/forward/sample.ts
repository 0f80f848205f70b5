import type { FindingNotice } from './notice.ts'

/** What `belay forward test` sends: shaped as a real finding, marked as a test in its title and in its ids. `unique` tells it from others. */
export function sampleNotice(nowMs: number, unique: string): FindingNotice {
  const link = { source: 'urn:belay:test', id: `test-${unique}`, callId: `test-${unique}`, atMs: nowMs }
  return {
    kind: 'finding',
    by: 'detector',
    sample: true,
    scene: { op: 'tools/call', user: 'nobody@example.invalid' },
    finding: {
      id: `test-${unique}`,
      activity: 'created',
      tenant: 'default',
      agent: 'belay-test-agent',
      role: 'belay-test',
      session: `test-${unique}`,
      cause: 'belay-test',
      title: 'A sample sent by `belay forward test`; nothing happened',
      severity: 'low',
      risk: 0,
      score: 0,
      reasons: [{ what: 'a test was asked for', observed: 'this message', expected: 'this message' }],
      signals: ['belay-test'],
      tags: [],
      runbook: ['Nothing: this is a test'],
      baseline: 'none',
      eventSource: link.source,
      eventId: link.id,
      callId: link.callId,
      server: 'belay-test',
      atMs: nowMs,
      openedMs: nowMs,
      count: 1,
      latest: link,
    },
  }
}
