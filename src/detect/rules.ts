import type { Baseline, Reason, Session, Severity, ToolEvent } from '../model/index.ts'
import type { SignalSource } from './detector.ts'
import type { RawSignal } from './engine.ts'
import { hash53 } from './session/sets.ts'
import type { Criticality, Expression, Rule, Suppression } from './sigma/ast.ts'
import { isAgentLogSource } from './sigma/belay-fields.ts'
import { joined, textOf } from './sigma/correlate-values.ts'
import { type EventShape, type FieldRead, fieldReader, someScalar } from './sigma/fields.ts'
import type { Exception } from './sigma/filters.ts'
import { RuleSet } from './sigma/rule-set.ts'

/** What a written rule sees: the event, its session, and what the detectors said of it. */
export interface RuleInput {
  readonly event: ToolEvent
  readonly session: Session
  readonly baseline: Baseline
  readonly signals: readonly RawSignal[]
}

/** Written rules, all of one generation. Give it every event once, in order: correlations keep state. */
export class Rules {
  /** names the set that ran: findings carry it, so that they can be told by what rules they were made */
  readonly generation: string
  private readonly set: RuleSet<RuleInput>
  private readonly spoken = new Map<Rule, Spoken>()
  private readonly exceptions: readonly Exception[]
  private readonly silencing: RuleSet<RuleInput> | undefined
  private readonly silencedBy = new Map<Rule, number>()

  /** `rules` as loaded, with their filters in them; `exceptions`: those filters, counted when they silence a rule. */
  constructor(rules: readonly Rule[], generation: string, exceptions: readonly Exception[] = []) {
    this.exceptions = exceptions
    this.silencing =
      exceptions.length === 0
        ? undefined
        : new RuleSet(
            exceptions.map(({ silenced }) => silenced),
            AGENT_EVENTS,
          )
    this.generation = generation
    this.set = new RuleSet(rules, AGENT_EVENTS, {
      scopeOf: ({ event }) => event.tenant,
      // A session that was let go and is restored folds events that its groups may have seen.
      identityOf: ({ event }) => hash53(event.id, hash53(event.source, 1) | 0),
    })
    for (const rule of rules) this.spoken.set(rule, spokenOf(rule))
  }

  /** groups of correlations given up for want of room */
  get evictedGroups(): number {
    return this.set.evictedGroups
  }

  /** How many matches each exception has silenced; one that never does may not be needed, or not be right. */
  get silenced(): readonly Silenced[] {
    const counts = new Map<Exception['filter'], number>()
    for (const { filter, silenced } of this.exceptions)
      counts.set(filter, (counts.get(filter) ?? 0) + (this.silencedBy.get(silenced) ?? 0))
    return [...counts].map(([{ position, title, owner }, matches]) => ({
      ...position,
      title,
      matches,
      ...(owner !== undefined && { owner }),
    }))
  }

  match(input: RuleInput): readonly RawSignal[] {
    for (const rule of this.silencing?.match(input) ?? NO_RULES)
      this.silencedBy.set(rule, (this.silencedBy.get(rule) ?? 0) + 1)
    const matched = this.set.match(input)
    if (matched.length === 0) return NO_SIGNALS
    return matched.flatMap((rule) => {
      const spoken = this.spoken.get(rule)
      if (spoken === undefined) return []
      const signal = { strength: spoken.strength, reasons: [reasonOf(rule, spoken, input)] }
      return [{ source: spoken.source, signal, situation: spoken.situationOf?.(input) }]
    })
  }
}

const NO_SIGNALS: readonly RawSignal[] = []
const NO_RULES: readonly Rule[] = []

/** An exception and how often it was needed. */
export interface Silenced {
  readonly file: string
  readonly line: number
  readonly title: string
  readonly owner?: string
  readonly matches: number
}

/** What a match is called and counts for, whatever the event. */
interface Spoken {
  readonly source: SignalSource
  readonly strength: number
  readonly reads: readonly (readonly [name: string, read: FieldRead<RuleInput>])[]
  /** absent where every session is a situation of its own */
  readonly situationOf?: (input: RuleInput) => string | undefined
}

/**
 * A rule measures no surprise, so its strength only ranks it among others: the nats of one in 3, 10, 50, 400 and 3,000
 * events, about what Sigma's levels promise.
 */
const STRENGTH: Readonly<Record<Criticality, number>> = { informational: 1, low: 2.3, medium: 4, high: 6, critical: 8 }

/** By the specification, informational rules enrich and low ones matter in numbers or together: neither is an alert. */
const SEVERITY: Readonly<Record<Criticality, Severity | undefined>> = {
  informational: undefined,
  low: undefined,
  medium: 'medium',
  high: 'high',
  critical: 'critical',
}

function spokenOf(rule: Rule): Spoken {
  const { belay, tags, title } = rule
  const level = rule.level ?? 'medium'
  const severity = SEVERITY[level]
  // What was not called stable says what it would have done, and does nothing.
  const monitored = belay.mode === undefined ? rule.status !== 'stable' : belay.mode === 'monitor'
  const response = belay.response && { level: belay.response.level, leaseMs: belay.response.leaseMs, monitored }
  return {
    source: {
      kind: 'rule',
      id: rule.name ?? rule.key,
      title,
      tags,
      runbook: belay.runbook,
      contains: false,
      raises: severity && { severity, ...(response && { response }) },
    },
    strength: STRENGTH[level],
    reads: rule.kind === 'detection' ? readsOf(rule.condition) : [],
    ...(belay.suppress && { situationOf: situationOf(rule.key, belay.suppress) }),
  }
}

/** Made of the event alone, so that every process gives the findings of a group the same name. */
function situationOf(key: string, { by, forMs }: Suppression): (input: RuleInput) => string | undefined {
  const reads = by.map((name) => READER.field(name))
  return (input) => {
    const values = reads.map((read) => textOf(read(input)))
    if (values.some((value) => value === undefined)) return undefined
    return joined([key, String(Math.floor(input.event.timeMs / forMs)), ...(values as string[])])
  }
}

/** The fields that a condition asks for, once each. */
function readsOf(condition: Expression): Spoken['reads'] {
  const names = new Set<string>()
  const collect = (expression: Expression): void => {
    if (expression.kind === 'item') {
      if (expression.field !== undefined) names.add(expression.field)
    } else if (expression.kind === 'and' || expression.kind === 'or' || expression.kind === 'at-least')
      for (const one of expression.of) collect(one)
    else collect(expression.of)
  }
  collect(condition)
  return [...names].map((name) => [name, READER.field(name)])
}

const MOST_TEXT = 160
const MOST_FIELDS = 4

function reasonOf(rule: Rule, { reads }: Spoken, input: RuleInput): Reason {
  const seen: string[] = []
  for (const [name, read] of reads) {
    const value = read(input)
    if (value === undefined || value === null || seen.length >= MOST_FIELDS) continue
    seen.push(`${name}=${JSON.stringify(value).slice(0, MOST_TEXT)}`)
  }
  return {
    what: rule.title,
    observed: seen.length > 0 ? seen.join(', ') : 'the events of this group add up to it',
    expected: rule.description ?? 'no event that matches the rule',
  }
}

/**
 * The event's own fields, and what Belay adds. A map of arguments or of a schema stands for every value in it, whatever
 * the tool calls them, so that a rule can ask for a path in any argument.
 */
export const AGENT_EVENTS: EventShape<RuleInput> = {
  accepts: isAgentLogSource,
  json: ({ event }) => event.data,
  timeMs: ({ event }) => event.timeMs,
  added(name) {
    // As Belay knows it: a credential may be bound to a tenant that its events do not state.
    if (name === 'tenant') return ({ event }) => event.tenant
    if (name === 'session.risk') return ({ session }) => session.risk
    if (name === 'session.calls') return ({ session }) => session.calls
    if (name === 'baseline.state') return ({ baseline }) => baseline.state
    if (name === 'call.effect') return ({ session }) => session.effect
    if (name === 'args') return ({ event }) => valuesIn(event.data.args)
    if (name === 'tool.input_schema') return ({ event }) => valuesIn(event.data.tool?.input_schema)
    const detector = /^signal\.([a-z0-9-]+)\.strength$/.exec(name)?.[1]
    if (detector === undefined) return undefined
    return ({ signals }) => signals.find(({ source }) => source.id === detector)?.signal.strength
  },
}
const READER = fieldReader(AGENT_EVENTS)

function valuesIn(map: object | undefined): readonly unknown[] | undefined {
  if (map === undefined) return undefined
  const values: unknown[] = []
  someScalar(
    map,
    (value) => {
      values.push(value)
      return false
    },
    0,
  )
  return values
}
