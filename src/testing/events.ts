import type { CloudEvent, EventData, ToolEvent } from '../model/index.ts'

/** A Monday morning, the reference time of tests. */
export const T0_MS = Date.UTC(2026, 10, 2, 9, 0, 0)

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T

let made = 0

/** A valid wire event, request phase of a `tools/call`; whatever is passed replaces or adds to `data`. */
export function cloudEvent(
  data: DeepPartial<EventData> = {},
  envelope: Partial<Omit<CloudEvent, 'data'>> = {},
): CloudEvent {
  const number = ++made
  const phase = data.phase ?? 'request'
  return {
    specversion: '1.0',
    id: `event-${number}`,
    source: 'urn:pep:test',
    type: 'agent.tool.event.v1',
    time: new Date(T0_MS).toISOString(),
    ...envelope,
    data: {
      op: 'tools/call',
      phase,
      call_id: `call-${number}`,
      ...data,
      agent: { id: 'agent-1', role: 'tester', ...data.agent },
      session: { id: 'session-1', ...data.session },
      server: { id: 'files', ...data.server },
      tool: { name: 'read_file', ...data.tool },
      ...(phase === 'response' ? { result: { status: 'ok', ...data.result } } : {}),
    } as EventData,
  }
}

/** The same as an accepted event. */
export function toolEvent(
  data: DeepPartial<EventData> = {},
  accepted: Partial<Omit<ToolEvent, 'cloud' | 'data'>> = {},
): ToolEvent {
  const timeMs = accepted.timeMs ?? T0_MS
  const envelope = {
    time: new Date(timeMs).toISOString(),
    ...(accepted.id === undefined ? {} : { id: accepted.id }),
    ...(accepted.source === undefined ? {} : { source: accepted.source }),
  }
  return acceptedEvent(cloudEvent(data, envelope), { timeMs, ...accepted })
}

/** Wraps a wire event as the accept stage would, without decoding it. */
export function acceptedEvent(cloud: CloudEvent, accepted: Partial<Omit<ToolEvent, 'cloud' | 'data'>> = {}): ToolEvent {
  const timeMs = accepted.timeMs ?? Date.parse(cloud.time)
  return {
    source: cloud.source,
    id: cloud.id,
    tenant: cloud.data.tenant ?? 'default',
    receivedMs: timeMs,
    clock: 'on-time',
    signature: 'unchecked',
    origin: 'test',
    position: ++made,
    ...accepted,
    timeMs,
    cloud,
    data: cloud.data,
  }
}
