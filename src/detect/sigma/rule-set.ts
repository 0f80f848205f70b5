import type { DetectionRule, Rule } from './ast.ts'
import { Correlator, type CorrelatorOptions } from './correlate.ts'
import { type Resolution, resolveCorrelations } from './correlate-resolve.ts'
import { DetectionMatcher } from './detection-matcher.ts'
import { type EventShape, fieldReader } from './fields.ts'

/**
 * Rules that run: give it events in order, and it says which rules match each. Correlations keep bounded state in event
 * time; the same events in the same order always give the same matches.
 */
export class RuleSet<E> {
  private readonly detections: DetectionMatcher<E>
  private readonly correlator: Correlator<E>
  private readonly silent: Resolution['silent']

  /** `rules` as `loadRules` returns them: filters applied, references of correlations resolvable. */
  constructor(rules: readonly Rule[], shape: EventShape<E>, options: CorrelatorOptions<E> = {}) {
    const { correlations, silent } = resolveCorrelations(rules)
    const detections = rules.filter(
      (rule): rule is DetectionRule => rule.kind === 'detection' && shape.accepts(rule.logsource),
    )
    this.detections = new DetectionMatcher(detections, shape)
    this.correlator = new Correlator(correlations, fieldReader(shape), options)
    this.silent = silent
  }

  /** groups of correlations given up for want of room */
  get evictedGroups(): number {
    return this.correlator.evictedGroups
  }

  /**
   * The rules that match at this event: detection rules in the order they were given, then correlations. A rule that
   * only feeds correlations without `generate` is not among them.
   */
  match(event: E): readonly Rule[] {
    const matched = this.detections.match(event)
    if (matched.length === 0) return matched
    const correlated = this.correlator.fold(event, matched)
    if (this.silent.size === 0 && correlated.length === 0) return matched
    return [...matched, ...correlated].filter((rule) => !this.silent.has(rule))
  }
}
