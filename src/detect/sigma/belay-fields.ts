import { distance } from 'fastest-levenshtein'
import type { Expression, LogSource, Match, Position, Rule } from './ast.ts'
import type { RuleWarning } from './parse-context.ts'

/** Fields of an agent's event, as the contract has them; docs/sigma.md explains each. */
const EVENT_FIELDS = `
  op phase call_id seq tenant target
  agent.id agent.role agent.name agent.version agent.instance agent.framework agent.on_behalf_of agent.chain
  agent.chain.id agent.chain.kind
  session.id session.kind session.parent session.client_ip session.started_at
  server.id server.url server.version server.transport
  tool.name tool.exposed_as tool.version tool.schema_sha256 tool.description_sha256 tool.description
  tool.annotations.readOnlyHint tool.annotations.destructiveHint tool.annotations.idempotentHint
  tool.annotations.openWorldHint
  tools tools.name tools.exposed_as tools.version tools.schema_sha256 tools.description_sha256 tools.description
  tools.annotations.readOnlyHint tools.annotations.destructiveHint tools.annotations.idempotentHint
  tools.annotations.openWorldHint
  args args_sha256 args_bytes args_redacted
  refs refs.in refs.kind refs.fp refs.untrusted refs.imperative
  result result.status result.error_code result.http_status result.bytes result.records result.duration_ms
  result.sha256 result.mime result.sample result.labels
  egress egress.host egress.ip egress.port egress.proto egress.country egress.asn egress.bytes_out egress.bytes_in
  auth.outcome auth.method auth.reason auth.credential_sha256 auth.scopes auth.acr
  decision.action decision.enforced decision.id decision.origin
  intent.text intent.model intent.prompt_sha256
  env.region env.country env.host env.posture env.cpu_pct env.mem_mb env.protocol
`
  .trim()
  .split(/\s+/)

/** What Belay adds to an event before rules see it. */
export const ADDED_FIELDS = ['session.risk', 'session.calls', 'baseline.state', 'call.effect'] as const

/** Everything below these is the tool's or the PEP's own. */
const OPEN = ['args', 'ext', 'trace', 'tool.input_schema', 'tools.input_schema'] as const
const SIGNAL = /^signal\.[a-z0-9-]+\.strength$/

const KNOWN: ReadonlySet<string> = new Set([...EVENT_FIELDS, ...ADDED_FIELDS, ...OPEN])

export function isBelayField(name: string): boolean {
  return KNOWN.has(name) || SIGNAL.test(name) || OPEN.some((open) => name.startsWith(`${open}.`))
}

/** The known field that looks most like a name. */
export function nearestField(name: string): string {
  let nearest = ''
  let least = Number.POSITIVE_INFINITY
  for (const known of KNOWN) {
    const steps = distance(name.toLowerCase(), known.toLowerCase())
    if (steps < least) [nearest, least] = [known, steps]
  }
  return nearest
}

const CATEGORY = 'agent_tool_event'
const PRODUCT = 'mcp'

/** Whether rules for a log source are about agents' events. */
export function isAgentLogSource({ category = CATEGORY, product = PRODUCT, service }: LogSource): boolean {
  return category === CATEGORY && product === PRODUCT && service === undefined
}

/**
 * A rule for another product never sees an agent's event, and a field that no agent event has is probably a slip of the
 * pen: their authors are told.
 */
export function checkForAgents(rules: readonly Rule[], warnings: RuleWarning[]): void {
  for (const rule of rules) {
    if (rule.kind === 'detection' && !isAgentLogSource(rule.logsource)) {
      const source = Object.values(rule.logsource).join('/')
      const message = `the log source ${source} is not Belay's, so this rule does not run; write \`category: ${CATEGORY}\``
      warnings.push({ position: rule.position, message })
      continue
    }
    for (const { name, position } of fieldsOf(rule))
      if (!isBelayField(name))
        warnings.push({
          position,
          message: `no event has the field \`${name}\`; did you mean \`${nearestField(name)}\`?`,
        })
  }
}

interface FieldUse {
  readonly name: string
  readonly position: Position
}

function* fieldsOf(rule: Rule): Generator<FieldUse> {
  for (const name of rule.belay.suppress?.by ?? []) yield { name, position: rule.position }
  if (rule.kind === 'detection') yield* fieldsIn(rule.condition)
  else yield* correlationFields(rule)
}

function* correlationFields({ correlation, position }: Extract<Rule, { kind: 'correlation' }>): Generator<FieldUse> {
  const aliases = new Set(correlation.aliases.map((alias) => alias.name))
  const aliased = correlation.aliases.flatMap((alias) => alias.fields.map(({ field }) => field))
  const valued = 'fields' in correlation ? correlation.fields : []
  for (const name of [...correlation.groupBy, ...aliased, ...valued]) if (!aliases.has(name)) yield { name, position }
}

function* fieldsIn(expression: Expression): Generator<FieldUse> {
  switch (expression.kind) {
    case 'item':
      if (expression.field !== undefined) yield { name: expression.field, position: expression.position }
      for (const name of expression.values.flatMap(referredFields)) yield { name, position: expression.position }
      return
    case 'search':
    case 'not':
      yield* fieldsIn(expression.of)
      return
    case 'and':
    case 'or':
    case 'at-least':
      for (const one of expression.of) yield* fieldsIn(one)
  }
}

function referredFields(match: Match): readonly string[] {
  if (match.kind === 'any') return match.of.flatMap(referredFields)
  return match.kind === 'field' ? [match.field] : []
}
