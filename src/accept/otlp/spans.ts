import { type Attributes, attributesOf, hexId, type Json, listOf, nanosToMs, recordOf, textOf } from './attributes.ts'

/** What a span says of an operation, with what its resource says. */
interface Span {
  readonly span: Json
  readonly attributes: Attributes
  readonly resource: Attributes
}

const SERVER = new Set<unknown>(['SPAN_KIND_SERVER', 2, '2'])
const INTERNAL = new Set<unknown>(['SPAN_KIND_INTERNAL', 1, '1'])
const FAILED = new Set<unknown>(['STATUS_CODE_ERROR', 2, '2'])
const MAX_SAMPLE = 16384

/**
 * CloudEvents for the spans of one OTLP/HTTP JSON trace export (`ExportTraceServiceRequest`): SERVER spans with
 * `mcp.method.name`, because a proxied call also makes CLIENT spans; INTERNAL `execute_tool` spans only where no MCP
 * span of this export shares the trace. Spans rarely carry arguments, results or the agent: this is the reduced-fidelity
 * input. Mapping: OpenTelemetry semantic conventions for generative AI and MCP.
 */
export function eventsOfTraces(body: unknown): Json[] {
  const spans = [...spansOf(body)]
  const mcpTraces = new Set(spans.filter((one) => methodOf(one) !== undefined).map(traceIdOf))
  return spans.filter((one) => isCall(one, mcpTraces)).map(eventOf)
}

function* spansOf(body: unknown): Iterable<Span> {
  for (const resourceSpans of listOf(recordOf(body).resourceSpans)) {
    const resource = attributesOf(recordOf(resourceSpans.resource).attributes)
    for (const scopeSpans of listOf(resourceSpans.scopeSpans)) {
      for (const span of listOf(scopeSpans.spans)) yield { span, attributes: attributesOf(span.attributes), resource }
    }
  }
}

function traceIdOf({ span }: Span): string | undefined {
  return hexId(span.traceId, 16)
}

function methodOf({ attributes }: Span): string | undefined {
  return textOf(attributes, 'mcp.method.name')
}

function isCall(one: Span, mcpTraces: ReadonlySet<string | undefined>): boolean {
  if (methodOf(one) !== undefined) return SERVER.has(one.span.kind)
  const isTool = textOf(one.attributes, 'gen_ai.operation.name') === 'execute_tool'
  return isTool && INTERNAL.has(one.span.kind) && !mcpTraces.has(traceIdOf(one))
}

/** The event of one operation, whether a span or a log record tells of it. */
export function eventOf(one: Span): Json {
  const { span, resource } = one
  const traceId = traceIdOf(one)
  const spanId = hexId(span.spanId, 8)
  const endMs = nanosToMs(span.endTimeUnixNano)
  return {
    specversion: '1.0',
    id: traceId === undefined || spanId === undefined ? undefined : `${traceId}:${spanId}`,
    source: `urn:otlp:${textOf(resource, 'service.name') ?? 'unknown'}`.slice(0, 256),
    type: 'agent.tool.event.v1',
    time: endMs === undefined || endMs > 8.64e15 ? undefined : new Date(endMs).toISOString(),
    data: dataOf(one, spanId),
  }
}

function dataOf(one: Span, spanId: string | undefined): Json {
  const { attributes, resource, span } = one
  const traceId = traceIdOf(one)
  const op = methodOf(one) ?? 'tools/call'
  const target = textOf(attributes, 'mcp.resource.uri', 'gen_ai.prompt.name', 'mcp.prompt.name')
  const protocol = textOf(attributes, 'mcp.protocol.version')
  const args = argumentsOf(attributes)
  const tool = textOf(attributes, 'gen_ai.tool.name')
  return {
    op,
    phase: 'response',
    call_id: spanId,
    agent: agentOf(attributes, resource),
    session: sessionOf(attributes, traceId),
    server: { id: textOf(attributes, 'server.address') ?? textOf(resource, 'service.name') ?? 'unknown' },
    ...(tool !== undefined && { tool: { name: tool } }),
    ...(target !== undefined && { target }),
    ...(args !== undefined && { args }),
    result: resultOf(span, attributes),
    ...(protocol !== undefined && { env: { protocol } }),
    trace: { trace_id: traceId, span_id: spanId, parent_id: hexId(span.parentSpanId, 8) },
  }
}

function agentOf(attributes: Attributes, resource: Attributes): Json {
  const one = (name: string) => textOf(attributes, name) ?? textOf(resource, name)
  const name = one('gen_ai.agent.name')
  const version = one('gen_ai.agent.version')
  const role = one('gen_ai.agent.role') ?? one('agent.role')
  const user = one('enduser.id')
  return {
    id: one('gen_ai.agent.id') ?? name ?? 'unknown',
    ...(name !== undefined && { name }),
    ...(version !== undefined && { version }),
    ...(role !== undefined && { role }),
    ...(user !== undefined && { on_behalf_of: user }),
  }
}

function sessionOf(attributes: Attributes, traceId: string | undefined): Json {
  const clientIp = textOf(attributes, 'client.address')
  const client = clientIp === undefined ? {} : { client_ip: clientIp }
  const conversation = textOf(attributes, 'gen_ai.conversation.id')
  if (conversation !== undefined) return { id: conversation, kind: 'conversation', ...client }
  const mcp = textOf(attributes, 'mcp.session.id')
  return mcp === undefined ? { id: traceId, kind: 'derived', ...client } : { id: mcp, kind: 'mcp', ...client }
}

function argumentsOf(attributes: Attributes): Json | undefined {
  const text = textOf(attributes, 'gen_ai.tool.call.arguments')
  if (text === undefined) return undefined
  try {
    const args: unknown = JSON.parse(text)
    return typeof args === 'object' && args !== null && !Array.isArray(args) ? (args as Json) : { arguments: text }
  } catch {
    return { arguments: text }
  }
}

function resultOf(span: Json, attributes: Attributes): Json {
  const errorType = textOf(attributes, 'error.type')
  const isFailed = errorType !== undefined || FAILED.has(recordOf(span.status).code)
  const startMs = nanosToMs(span.startTimeUnixNano)
  const endMs = nanosToMs(span.endTimeUnixNano)
  const sample = textOf(attributes, 'gen_ai.tool.call.result')
  const httpStatus = attributes.get('http.response.status_code')
  return {
    status: isFailed ? 'error' : 'ok',
    ...(errorType !== undefined && { error_code: errorType }),
    ...(startMs !== undefined && endMs !== undefined && endMs >= startMs && { duration_ms: endMs - startMs }),
    ...(Number.isInteger(httpStatus) && { http_status: httpStatus }),
    ...(sample !== undefined && { sample: sample.slice(0, MAX_SAMPLE), bytes: Buffer.byteLength(sample) }),
  }
}
