import { createDecoder } from '../accept/decode.ts'
import { createRedactor } from '../accept/redact.ts'
import { createRefExtractor } from '../accept/refs.ts'
import { emptyBaseline } from '../baseline/empty.ts'
import type { RawSignal } from '../detect/engine.ts'
import { Rules } from '../detect/rules.ts'
import { Sessions } from '../detect/session.ts'
import type { Rule, RuleTest } from '../detect/sigma/ast.ts'
import { resolveCorrelations } from '../detect/sigma/correlate-resolve.ts'
import type { LoadedRules } from '../detect/sigma/load.ts'
import type { ToolEvent } from '../model/index.ts'

export interface RuleFault {
  /** no-case: it lacks one; no-match and match: what a case got instead; event: the case's event is none */
  readonly kind: 'no-case' | 'no-match' | 'match' | 'event'
  readonly file: string
  /** counts from 1 */
  readonly line: number
  /** name or id of the rule, as findings have it */
  readonly rule: string
  readonly message: string
}

export interface TestedRules {
  readonly rules: number
  readonly cases: number
  readonly faults: readonly RuleFault[]
}

/**
 * Runs the cases in the rules as live events would run: decoded, redacted, folded into a session. A rule is at fault
 * when a case does not hold, or when it lacks a case that matches or one that does not; a rule that only feeds a
 * correlation is tested by the correlation's cases.
 */
export function testRules({ rules }: Pick<LoadedRules, 'rules'>): TestedRules {
  const { silent, correlations } = resolveCorrelations(rules)
  const steps = new Map<Rule, readonly Rule[]>(correlations.map((one) => [one.rule, one.steps]))
  const told = rules.filter((rule) => !silent.has(rule))
  const faults: RuleFault[] = []
  let cases = 0
  for (const rule of told) {
    const { tests } = rule.belay
    cases += tests.length
    for (const expected of [true, false])
      if (!tests.some(({ matches }) => matches === expected))
        faults.push(
          faultOf(
            rule,
            rule.position.line,
            'no-case',
            `has no case with \`match: ${expected}\`; write one under \`tests\``,
          ),
        )
    const needed = withSteps(rule, steps)
    for (const test of tests) {
      const wrong = runCase(needed, rule, test)
      if (wrong) faults.push(faultOf(rule, test.position.line, wrong.kind, `${test.name}: ${wrong.message}`))
    }
  }
  return { rules: told.length, cases, faults }
}

/** The rule and what it refers to, all the way down. */
function withSteps(rule: Rule, steps: ReadonlyMap<Rule, readonly Rule[]>): readonly Rule[] {
  return [...new Set([...(steps.get(rule) ?? []).flatMap((step) => withSteps(step, steps)), rule])]
}

function faultOf(rule: Rule, line: number, kind: RuleFault['kind'], message: string): RuleFault {
  return { kind, file: rule.position.file, line, rule: rule.name ?? rule.key, message }
}

const decode = createDecoder({ redactor: createRedactor({ key: 'cases' }), refs: createRefExtractor({ key: 'cases' }) })

/** What is wrong, or undefined. */
function runCase(rules: readonly Rule[], rule: Rule, test: RuleTest): Pick<RuleFault, 'kind' | 'message'> | undefined {
  const sessions = new Sessions()
  const set = new Rules(rules, 'cases')
  const name = rule.name ?? rule.key
  const matchedAt: number[] = []
  for (const [at, written] of test.events.entries()) {
    const { signals, event } = eventOf(written, at)
    if (typeof event === 'string')
      return { kind: 'event', message: `event ${at + 1} is none that Belay takes: ${event}` }
    const { session } = sessions.enter(event)
    const baseline = emptyBaseline(event.tenant, session.role)
    if (set.match({ event, session, baseline, signals }).some(({ source }) => source.id === name))
      matchedAt.push(at + 1)
    sessions.leave(session, event)
  }
  if (test.matches === matchedAt.length > 0) return undefined
  if (test.matches) return { kind: 'no-match', message: `expected a match, got none in ${test.events.length} events` }
  return { kind: 'match', message: `expected no match, got one at event ${matchedAt.join(', ')}` }
}

/** A Monday morning; events of a case are a second apart unless they say `at`. */
const START_MS = Date.UTC(2026, 10, 2, 9, 0, 0)

/** The members of `data` over those of an ordinary call; `signals` are what detectors said of it, `at` is in seconds. */
export function eventOf(
  written: RuleTest['events'][number],
  index: number,
): { readonly event: ToolEvent | string; readonly signals: readonly RawSignal[] } {
  const {
    signals = {},
    at = index,
    ...data
  } = written as {
    readonly signals?: Readonly<Record<string, number>>
    readonly at?: number
    readonly op?: string
    readonly phase?: string
    readonly [member: string]: unknown
  }
  const timeMs = START_MS + at * 1_000
  const { op = 'tools/call', phase = 'request' } = data
  const member = (name: string, usual: object) => ({ [name]: { ...usual, ...(data[name] as object | undefined) } })
  const body = {
    specversion: '1.0',
    id: `case-${index}`,
    source: 'urn:pep:case',
    type: 'agent.tool.event.v1',
    time: new Date(timeMs).toISOString(),
    data: {
      call_id: `call-${index}`,
      ...data,
      op,
      phase,
      ...member('agent', { id: 'agent-1', role: 'clerk' }),
      ...member('session', { id: 'session-1' }),
      ...member('server', { id: 'server-1' }),
      ...(op === 'tools/call' ? member('tool', { name: 'a_tool' }) : {}),
      ...(phase === 'response' ? member('result', { status: 'ok' }) : {}),
    },
  }
  const decoded = decode({ body, origin: 'case', position: index, receivedMs: timeMs })
  const raw = Object.entries(signals).map(([id, strength]) => signalOf(id, strength))
  return { event: decoded.ok ? decoded.event : decoded.rejected.error, signals: raw }
}

function signalOf(id: string, strength: number): RawSignal {
  const source = { kind: 'detector' as const, id, title: id, tags: [], runbook: [], contains: false }
  return { source, signal: { strength, reasons: [] } }
}
