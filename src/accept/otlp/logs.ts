import { attributesOf, type Json, listOf, recordOf, textOf } from './attributes.ts'
import { eventOf } from './spans.ts'

/**
 * CloudEvents for the log records of one OTLP/HTTP JSON log export (`ExportLogsServiceRequest`). A record whose body is
 * an event of the contract, as JSON text, is that event; one with `mcp.method.name` is read like a span of that moment
 * and has the span's identity, so that a call that is exported both ways is one event. Other records are ignored.
 */
export function eventsOfLogs(body: unknown): Json[] {
  return [...recordsOf(body)].flatMap(({ record, resource }) => {
    const written = writtenEvent(record)
    if (written !== undefined) return [written]
    const attributes = attributesOf(record.attributes)
    if (textOf(attributes, 'mcp.method.name') === undefined) return []
    const { traceId, spanId, timeUnixNano, observedTimeUnixNano } = record
    const happened = isSet(timeUnixNano) ? timeUnixNano : observedTimeUnixNano
    return [eventOf({ span: { traceId, spanId, endTimeUnixNano: happened }, attributes, resource })]
  })
}

function* recordsOf(body: unknown) {
  for (const resourceLogs of listOf(recordOf(body).resourceLogs)) {
    const resource = attributesOf(recordOf(resourceLogs.resource).attributes)
    for (const scopeLogs of listOf(resourceLogs.scopeLogs))
      for (const record of listOf(scopeLogs.logRecords)) yield { record, resource }
  }
}

/** OTLP writes a time that is not known as zero. */
function isSet(nanos: unknown): boolean {
  return nanos !== undefined && nanos !== '0' && nanos !== 0
}

const EVENT_TYPE = '"agent.tool.event.v1"'

function writtenEvent(record: Json): Json | undefined {
  const text = recordOf(record.body).stringValue
  if (typeof text !== 'string' || !text.includes(EVENT_TYPE)) return undefined
  try {
    const event = recordOf(JSON.parse(text))
    return event.type === 'agent.tool.event.v1' ? event : undefined
  } catch {
    return undefined
  }
}
