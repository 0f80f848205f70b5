import type { CorrelationRule, Rule, RuleReference } from './ast.ts'
import { largest } from './correlate-conditions.ts'
import { RuleError } from './errors.ts'

/** A correlation whose references are rules. */
export interface ResolvedCorrelation {
  readonly rule: CorrelationRule
  /** one per reference, in its order */
  readonly steps: readonly Rule[]
}

export interface Resolution {
  /** what a correlation refers to stands before it */
  readonly correlations: readonly ResolvedCorrelation[]
  /** rules that do not report their own matches, since only correlations without `generate` refer to them */
  readonly silent: ReadonlySet<Rule>
  /** one per correlation that cannot run; those that refer to it are here too */
  readonly failed: readonly RuleError[]
}

/** A correlation that would have to keep more than this per group does not load. */
const MAX_COUNT = 100_000

type Outcome = ResolvedCorrelation | RuleError

/** Finds the rules that correlations refer to, by id before name, and the order in which they can be computed. */
export function resolveCorrelations(rules: readonly Rule[]): Resolution {
  const named = byReference(rules)
  const outcomes = new Map<CorrelationRule, Outcome>()
  const visit = (rule: CorrelationRule, path: readonly CorrelationRule[]): Outcome => {
    const known = outcomes.get(rule)
    if (known !== undefined) return known
    const outcome = resolve(rule, [...path, rule])
    outcomes.set(rule, outcome)
    return outcome
  }
  const resolve = (rule: CorrelationRule, path: readonly CorrelationRule[]): Outcome => {
    const problem = unsupported(rule)
    if (problem !== undefined) return problem
    const steps: Rule[] = []
    for (const reference of rule.correlation.rules) {
      const step = named.get(reference.reference)
      if (step === undefined) return missing(reference)
      if (step.kind === 'correlation') {
        if (path.includes(step)) return circular(reference, [...path, step])
        if (visit(step, path) instanceof RuleError) return missing(reference)
      }
      steps.push(step)
    }
    return { rule, steps }
  }
  for (const rule of rules) if (rule.kind === 'correlation') visit(rule, [])
  const all = [...outcomes.values()]
  const correlations = all.filter((one): one is ResolvedCorrelation => !(one instanceof RuleError))
  return { correlations, silent: silentOf(correlations), failed: all.filter((one) => one instanceof RuleError) }
}

function byReference(rules: readonly Rule[]): ReadonlyMap<string, Rule> {
  const named = new Map<string, Rule>()
  for (const rule of rules) if (rule.name !== undefined) named.set(rule.name, rule)
  for (const rule of rules) if (rule.id !== undefined) named.set(rule.id, rule)
  return named
}

/** A rule that anybody wants to see, a correlation with `generate` included, is seen. */
function silentOf(correlations: readonly ResolvedCorrelation[]): ReadonlySet<Rule> {
  const silent = new Set(correlations.flatMap(({ rule, steps }) => (rule.generate ? [] : steps)))
  for (const { rule, steps } of correlations) if (rule.generate) for (const step of steps) silent.delete(step)
  return silent
}

function unsupported({ position, correlation }: CorrelationRule): RuleError | undefined {
  const { type, condition } = correlation
  if (type === 'event_count' || type === 'value_count') {
    if (largest(condition) <= MAX_COUNT) return undefined
    return new RuleError(position, `counts to more than ${MAX_COUNT}: lower the number or narrow the group-by`)
  }
  if (type === 'value_percentile' && correlation.percentile === undefined && largest(condition) > 100)
    return new RuleError(
      position,
      'compares a percentage with more than 100: to compare the value at a percentile, add `percentile: 95`',
    )
  return undefined
}

function missing({ reference, position }: RuleReference): RuleError {
  return new RuleError(position, `refers to ${reference}, which is not loaded: give the id or the name of a rule`)
}

function circular({ position }: RuleReference, path: readonly CorrelationRule[]): RuleError {
  return new RuleError(position, `refers to itself: ${path.map(({ key }) => key).join(' -> ')}`)
}
