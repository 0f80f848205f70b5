/**
 * The published JSON schema of an event, contract v1 (JSON Schema 2020-12). Members it does not name are allowed
 * everywhere and kept.
 */

const id = { type: 'string', minLength: 1, maxLength: 256 }
const sha = { type: 'string', pattern: '^[0-9a-f]{8,64}$' }
const text = { type: 'string' }
const count = { type: 'number', minimum: 0 }
const flag = { type: 'boolean' }

/** Not through `then`: an object with such a member looks like a promise to whatever awaits it. */
function when(member: string, value: string, required: string): object {
  return { if: { not: { properties: { [member]: { const: value } } } }, else: { required: [required] } }
}

const tool = {
  type: 'object',
  required: ['name'],
  properties: {
    name: id,
    exposed_as: text,
    version: text,
    schema_sha256: sha,
    description_sha256: sha,
    description: { type: 'string', maxLength: 8192 },
    input_schema: {
      type: 'object',
      description: "the upstream's inputSchema, on tools/list only, at most 16 KiB as JSON",
    },
    annotations: {
      type: 'object',
      properties: { readOnlyHint: flag, destructiveHint: flag, idempotentHint: flag, openWorldHint: flag },
    },
  },
}

const agent = {
  type: 'object',
  required: ['id'],
  properties: {
    id,
    role: text,
    name: text,
    version: text,
    instance: text,
    framework: text,
    on_behalf_of: text,
    chain: {
      type: 'array',
      maxItems: 16,
      items: {
        type: 'object',
        required: ['id'],
        properties: { id: text, kind: { enum: ['user', 'agent', 'service'] } },
      },
    },
  },
}

const session = {
  type: 'object',
  required: ['id'],
  properties: {
    id,
    kind: { enum: ['run', 'conversation', 'mcp', 'derived'] },
    parent: text,
    client_ip: text,
    started_at: text,
  },
}

const result = {
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['ok', 'error', 'denied', 'timeout', 'cancelled', 'input_required'] },
    error_code: text,
    http_status: { type: 'integer' },
    bytes: count,
    records: count,
    duration_ms: count,
    sha256: sha,
    mime: text,
    sample: { type: 'string', maxLength: 16384 },
    labels: { type: 'array', items: text },
  },
}

const egress = {
  type: 'array',
  maxItems: 64,
  items: {
    type: 'object',
    anyOf: [{ required: ['host'] }, { required: ['ip'] }],
    properties: {
      host: text,
      ip: text,
      port: { type: 'integer', minimum: 0, maximum: 65535 },
      proto: text,
      country: { type: 'string', pattern: '^[A-Z]{2}$' },
      asn: { type: 'integer' },
      bytes_out: count,
      bytes_in: count,
    },
  },
}

const refs = {
  type: 'array',
  maxItems: 256,
  items: {
    type: 'object',
    required: ['in', 'kind', 'fp'],
    properties: {
      in: { enum: ['args', 'result', 'intent'] },
      kind: text,
      fp: { type: 'string', pattern: '^[0-9a-f]{16,64}$' },
      untrusted: flag,
      imperative: flag,
    },
  },
}

const data = {
  type: 'object',
  required: ['op', 'phase', 'call_id', 'agent', 'session', 'server'],
  properties: {
    op: {
      type: 'string',
      pattern: '^[a-z][a-zA-Z_]*(/[a-zA-Z_]+)*$',
      description:
        "MCP method name; 'auth' for an authentication outcome without a call; 'heartbeat' for a sign of life",
    },
    phase: { enum: ['request', 'response'] },
    call_id: id,
    seq: { type: 'integer', minimum: 0 },
    tenant: text,
    agent,
    session,
    server: { type: 'object', required: ['id'], properties: { id, url: text, version: text, transport: text } },
    tool,
    tools: { type: 'array', maxItems: 2000, items: tool },
    target: { type: 'string', description: 'resource uri or prompt name' },
    args: { type: 'object' },
    args_sha256: sha,
    args_bytes: count,
    args_redacted: { type: 'array', items: text },
    result,
    egress,
    auth: {
      type: 'object',
      required: ['outcome'],
      properties: {
        outcome: { enum: ['success', 'failure', 'step_up_required', 'step_up_ok'] },
        method: text,
        reason: text,
        credential_sha256: sha,
        scopes: { type: 'array', items: text },
        acr: text,
      },
    },
    decision: {
      type: 'object',
      properties: {
        action: text,
        enforced: flag,
        id: text,
        origin: { enum: ['callback', 'query', 'cache', 'stale', 'fail-open', 'fail-closed', 'none'] },
      },
    },
    intent: {
      type: 'object',
      properties: { text: { type: 'string', maxLength: 4096 }, model: text, prompt_sha256: sha },
    },
    env: {
      type: 'object',
      properties: {
        region: text,
        country: text,
        host: text,
        posture: text,
        cpu_pct: { type: 'number' },
        mem_mb: { type: 'number' },
        protocol: text,
      },
    },
    refs,
    trace: { type: 'object' },
    ext: { type: 'object' },
  },
  allOf: [when('op', 'tools/call', 'tool'), when('phase', 'response', 'result'), when('op', 'auth', 'auth')],
}

export const eventSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://belay.dev/schemas/tool-event.v1.schema.json',
  title: 'Agent tool event v1 (CloudEvents 1.0 structured JSON)',
  type: 'object',
  required: ['specversion', 'id', 'source', 'type', 'time', 'data'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', minLength: 1, maxLength: 128 },
    source: {
      type: 'string',
      minLength: 1,
      maxLength: 256,
      description: 'PEP instance, a URI-reference; source and id are the idempotency key',
    },
    type: { const: 'agent.tool.event.v1' },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    subject: text,
    traceparent: text,
    data,
  },
}
