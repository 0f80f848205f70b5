/** The minimal valid event, of this moment: one call of `tester` in session `run-1`. */
export function toolEvent(id: string) {
  return {
    specversion: '1.0',
    id,
    source: 'urn:pep:test',
    type: 'agent.tool.event.v1',
    time: new Date().toISOString(),
    data: {
      op: 'tools/call',
      phase: 'response',
      call_id: id,
      agent: { id: 'tester' },
      session: { id: 'run-1' },
      server: { id: 'files' },
      tool: { name: 'read_file' },
      result: { status: 'ok' },
    },
  }
}
