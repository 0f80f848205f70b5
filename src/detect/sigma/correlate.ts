import type { Correlation, CorrelationRule, Rule } from './ast.ts'
import { Groups } from './correlate-groups.ts'
import type { ResolvedCorrelation } from './correlate-resolve.ts'
import { joined, numberOf, textOf } from './correlate-values.ts'
import type { Hit } from './correlate-windows.ts'
import type { FieldRead, FieldReader } from './fields.ts'

export interface CorrelatorOptions<E> {
  /** groups kept per correlation; the one that had no event for the longest goes first. One costs 0.3 to 1 kB. */
  readonly maxGroups?: number
  /** what no group may span, such as the tenant; absent: one scope */
  readonly scopeOf?: (event: E) => string
  /**
   * a hash of what an event is known by, so that it may be folded again: it changes nothing, and it is answered as the
   * first time, whatever came after it; absent: each is new
   */
  readonly identityOf?: (event: E) => number
}

const MAX_GROUPS = 20_000
/** Answers remembered at least; twice as many at most. */
const MAX_ANSWERS = 50_000
const NONE: readonly CorrelationRule[] = []

/**
 * Correlations in event time. A correlation matches at an event that one of its rules matches, if its condition holds
 * for the events of the same group within the timespan that ends at the newest of them: so it matches again at every
 * further event for which that is true. The same events in the same order give the same matches, however they are cut
 * into batches; state is rebuilt by folding them again.
 */
export class Correlator<E> {
  private readonly reader: FieldReader<E>
  private readonly nodes: readonly Node<E>[]
  private readonly dependents = new Map<Rule, number[]>()
  private readonly due: Uint8Array
  private readonly identityOf: ((event: E) => number) | undefined
  private answers = new Map<number, readonly CorrelationRule[]>()
  private olderAnswers: ReadonlyMap<number, readonly CorrelationRule[]> = this.answers

  /** `correlations`: in the order that resolveCorrelations gives them. */
  constructor(
    correlations: readonly ResolvedCorrelation[],
    reader: FieldReader<E>,
    options: CorrelatorOptions<E> = {},
  ) {
    this.reader = reader
    this.identityOf = options.identityOf
    this.nodes = correlations.map((one) => new Node(one, reader, options))
    this.due = new Uint8Array(this.nodes.length)
    for (const [at, { steps }] of correlations.entries())
      for (const step of new Set(steps)) this.dependents.set(step, [...(this.dependents.get(step) ?? []), at])
  }

  /** groups given up for want of room, over all correlations */
  get evictedGroups(): number {
    return this.nodes.reduce((sum, { groups }) => sum + groups.evicted, 0)
  }

  /**
   * Folds the next event in the order of arrival; `matched` are the detection rules that match it. Returns the
   * correlations that match at it, silent ones included. An event without a readable time takes no part.
   */
  fold(event: E, matched: readonly Rule[]): readonly CorrelationRule[] {
    let first = this.nodes.length
    for (const rule of matched) first = this.mark(rule, first)
    if (first === this.nodes.length) return NONE
    const found = this.answer(event, matched, first)
    if (this.identityOf === undefined) return found
    // Groups that were given up meanwhile are made again by folding; what was answered stays.
    const identity = this.identityOf(event)
    const answered = this.answers.get(identity) ?? this.olderAnswers.get(identity)
    if (answered === undefined) this.remember(identity, found)
    return answered ?? found
  }

  private answer(event: E, matched: readonly Rule[], first: number): readonly CorrelationRule[] {
    const timeMs = this.reader.timeMs(event)
    const hits = new Set<Rule>(matched)
    const found: CorrelationRule[] = []
    for (let at = first; at < this.nodes.length; at++) {
      if (this.due[at] === 0) continue
      this.due[at] = 0
      const node = this.nodes[at] as Node<E>
      if (timeMs === undefined || !node.fold(event, timeMs, hits)) continue
      found.push(node.rule)
      hits.add(node.rule)
      this.mark(node.rule, first)
    }
    return found.length === 0 ? NONE : found
  }

  private remember(identity: number, found: readonly CorrelationRule[]): void {
    if (this.answers.size >= MAX_ANSWERS) {
      this.olderAnswers = this.answers
      this.answers = new Map()
    }
    this.answers.set(identity, found)
  }

  /** Notes who refers to the rule; returns the first of them or `first`, whichever comes before. */
  private mark(rule: Rule, first: number): number {
    let earliest = first
    for (const at of this.dependents.get(rule) ?? NO_DEPENDENTS) {
      this.due[at] = 1
      if (at < earliest) earliest = at
    }
    return earliest
  }
}

const NO_DEPENDENTS: readonly number[] = []

/** One correlation: which group an event belongs to and what it brings there. */
class Node<E> {
  readonly rule: CorrelationRule
  readonly groups: Groups
  private readonly steps: readonly Rule[]
  /** by step; one for all where no alias makes them differ */
  private readonly keys: readonly ((event: E) => string | undefined)[]
  private readonly value: (event: E) => string | number | undefined
  private readonly identityOf: (event: E) => number

  constructor(
    { rule, steps }: ResolvedCorrelation,
    reader: FieldReader<E>,
    { maxGroups = MAX_GROUPS, scopeOf, identityOf = () => 0 }: CorrelatorOptions<E>,
  ) {
    const { correlation } = rule
    this.rule = rule
    this.steps = steps
    this.groups = new Groups(correlation, maxGroups)
    this.keys = keysOf(correlation, steps, reader, scopeOf)
    this.value = valueReader(correlation, reader)
    this.identityOf = identityOf
  }

  /** Whether the correlation matches at this event, in any of its groups. */
  fold(event: E, timeMs: number, hits: ReadonlySet<Rule>): boolean {
    const value = this.value(event)
    if (value === undefined) return false
    const byKey = new Map<string, number[]>()
    for (const [step, rule] of this.steps.entries()) {
      if (!hits.has(rule)) continue
      const key = (this.keys[step] ?? this.keys[0])?.(event)
      if (key === undefined) continue
      const steps = byKey.get(key)
      if (steps === undefined) byKey.set(key, [step])
      else steps.push(step)
    }
    let matches = false
    for (const [key, steps] of byKey) {
      const hit: Hit = { timeMs, steps, value, identity: this.identityOf(event) }
      matches = this.groups.add(key, hit) || matches
    }
    return matches
  }
}

function keysOf<E>(
  { rules, groupBy, aliases }: Correlation,
  steps: readonly Rule[],
  reader: FieldReader<E>,
  scopeOf: ((event: E) => string) | undefined,
): readonly ((event: E) => string | undefined)[] {
  const aliased = aliases.filter(({ name }) => groupBy.includes(name))
  const keyed = aliased.length === 0 ? steps.slice(0, 1) : steps
  return keyed.map((step, at) => {
    const names = [rules[at]?.reference, step.name, step.id]
    const reads = fieldsOfStep(groupBy, aliased, names).map((field) => reader.field(field))
    const key = textsOf(reads)
    if (scopeOf === undefined) return key
    return (event) => {
      const text = key(event)
      return text === undefined ? undefined : `${scopeOf(event)}\u001f${text}`
    }
  })
}

/** The fields that a rule's events are grouped by: an alias that names the rule stands for its field. */
export function fieldsOfStep(
  groupBy: readonly string[],
  aliases: Correlation['aliases'],
  names: readonly (string | undefined)[],
): readonly string[] {
  return groupBy.map((name) => {
    const alias = aliases.find((one) => one.name === name)
    return alias?.fields.find(({ rule }) => names.includes(rule))?.field ?? name
  })
}

/** All of these as one text; undefined when one has none: what is not there has not the same value. */
function textsOf<E>(reads: readonly FieldRead<E>[]): (event: E) => string | undefined {
  return (event) => {
    const texts: string[] = []
    for (const read of reads) {
      const text = textOf(read(event))
      if (text === undefined) return undefined
      texts.push(text)
    }
    return joined(texts)
  }
}

function valueReader<E>(correlation: Correlation, reader: FieldReader<E>): (event: E) => string | number | undefined {
  if (!('fields' in correlation)) return () => ''
  const reads = correlation.fields.map((field) => reader.field(field))
  const [only] = reads
  const numeric =
    correlation.type === 'value_sum' || correlation.type === 'value_avg' || correlation.percentile !== undefined
  return numeric && only !== undefined ? (event) => numberOf(only(event)) : textsOf(reads)
}
