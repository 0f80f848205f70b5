/**
 * Sigma 2.1 as data: what a rule file says once names, wildcards, encodings and quantifiers are resolved. The stream
 * (compile.ts, correlate.ts) and the SQL compiler (to-sql.ts) both start here, so neither of them reads YAML, knows a
 * modifier's name or looks up a search identifier.
 */
import type { Level } from '../../model/index.ts'

/** A place in a rule file; `line` counts from 1. */
export interface Position {
  readonly file: string
  readonly line: number
}

export type Rule = DetectionRule | CorrelationRule
export type RuleDocument = Rule | FilterRule

// ---------------------------------------------------------------------------------------------- documents

/** Sigma's `level`: how critical a match is; not the ladder's level */
export type Criticality = 'informational' | 'low' | 'medium' | 'high' | 'critical'
export type Status = 'stable' | 'test' | 'experimental' | 'deprecated' | 'unsupported'

/** What every document says about itself. */
export interface Head {
  readonly position: Position
  /** the rule's `id`; without one its `name`, without that its title: what matches, findings and errors call it */
  readonly key: string
  readonly title: string
  readonly id?: string
  readonly name?: string
  readonly description?: string
}

export interface RuleHead extends Head {
  /** Belay's stage of a rule: experimental, test, stable */
  readonly status?: Status
  readonly level?: Criticality
  readonly tags: readonly string[]
  readonly references: readonly string[]
  readonly falsePositives: readonly string[]
  readonly belay: BelayKeys
}

/** Belay's own keys, which Sigma allows as custom fields. Left empty when rules are read raw. */
export interface BelayKeys {
  readonly response?: RuleResponse
  /** `monitor` plans and records the response, `enforce` orders it; absent: the instance's own mode */
  readonly mode?: 'monitor' | 'enforce'
  readonly suppress?: Suppression
  readonly runbook: readonly string[]
  readonly knownGaps: readonly string[]
  readonly tests: readonly RuleTest[]
}

/** What a match orders: a rung of the ladder, and for how long. */
export interface RuleResponse {
  readonly level: Level
  readonly leaseMs?: number
}

/** Findings of one rule that are one to people: those of a group within a window. */
export interface Suppression {
  /** fields whose values make the group; every one must have a value, or the finding stands alone */
  readonly by: readonly string[]
  /** length of the window, which begins at a multiple of it since 1970 */
  readonly forMs: number
}

/** Events, oldest first, as a PEP publishes them (the members of `data`); a correlation needs several. */
export interface RuleTest {
  readonly name: string
  readonly matches: boolean
  readonly events: readonly Readonly<Record<string, unknown>>[]
  readonly position: Position
}

export interface LogSource {
  readonly category?: string
  readonly product?: string
  readonly service?: string
}

export interface DetectionRule extends RuleHead {
  readonly kind: 'detection'
  readonly logsource: LogSource
  /** fields worth showing to the analyst */
  readonly fields: readonly string[]
  /** the whole condition, searches in place; a filter that applies is already in it (see `withFilters`) */
  readonly condition: Expression
}

/**
 * An exception: an event for which `condition` holds is not a match of the rules it names (spec: "suppress matches"),
 * so a filtered rule's condition is `rule and not filter`.
 */
export interface FilterRule extends Head {
  readonly kind: 'filter'
  readonly logsource: LogSource
  readonly rules: 'any' | readonly RuleReference[]
  readonly condition: Expression
  /** Belay's own keys; a raw filter has none */
  readonly owner?: string
  readonly reason?: string
  /** Unix milliseconds after which it no longer applies */
  readonly expiresMs?: number
}

// -------------------------------------------------------------------------------------------- expressions

/** A condition or a search: one tree, since `them`, `1 of x*` and `all of x*` are resolved when a rule is read. */
export type Expression = And | Or | Not | AtLeast | Search | Item

export interface And {
  readonly kind: 'and'
  readonly of: readonly Expression[]
}

export interface Or {
  readonly kind: 'or'
  readonly of: readonly Expression[]
}

export interface Not {
  readonly kind: 'not'
  readonly of: Expression
}

/** `N of pattern` with 1 < N < the number of searches; the ends are Or and And. */
export interface AtLeast {
  readonly kind: 'at-least'
  readonly count: number
  readonly of: readonly Expression[]
}

/** A named search identifier where the condition uses it; the name is for explanations only. */
export interface Search {
  readonly kind: 'search'
  readonly name: string
  readonly of: Expression
}

/**
 * One line of a search: a field (or, for keywords, every value of the event) and the values it is tested with.
 * A field that holds a list matches a value when any element does. `all` asks that of each value separately.
 */
export interface Item {
  readonly kind: 'item'
  /** as written, without modifiers; undefined: keywords, tested against every value of the event */
  readonly field: string | undefined
  /** at least one; linked by `link` */
  readonly values: readonly Match[]
  readonly link: 'any' | 'all'
  /** `neq`: holds when the values do not, a missing field included */
  readonly negated: boolean
  readonly position: Position
}

// ------------------------------------------------------------------------------------------------- values

/** What one value asks of one field. Only null, exists:false and a negated item can hold for a missing field. */
export type Match =
  | TextMatch
  | NumberMatch
  | BooleanMatch
  | NullMatch
  | ExistsMatch
  | RegexMatch
  | CidrMatch
  | CompareMatch
  | FieldMatch
  | TimeMatch
  | AnyMatch

/**
 * The whole field against a pattern. Text, numbers and booleans of the event are compared by their text ("all values
 * are treated as case-insensitive strings"); `startswith`, `endswith`, `contains` and keywords have become wildcards,
 * base64 and UTF-16 have been applied. UTF-16 bytes without base64 are one character per byte (U+0000 to U+00FF).
 */
export interface TextMatch {
  readonly kind: 'text'
  /** no two literals and no two `many` in a row; empty: the empty string */
  readonly pattern: readonly PatternPart[]
  readonly cased: boolean
  /** `windash`: `-`, `/`, en dash, em dash and horizontal bar are one and the same character, in pattern and field */
  readonly anyDash: boolean
}

/** `many`: any characters or none; `one`: exactly one character (Unicode code point). */
export type PatternPart = { readonly literal: string } | { readonly wildcard: 'many' | 'one' }

/** An unquoted number: the same number, text that reads as the same decimal number, or the text it was written with. */
export interface NumberMatch {
  readonly kind: 'number'
  readonly value: number
  readonly text: string
}

/** true or false, or the text of it in any case */
export interface BooleanMatch {
  readonly kind: 'boolean'
  readonly value: boolean
}

/** null or missing; an empty string is neither */
export interface NullMatch {
  readonly kind: 'null'
}

/** only the field's presence counts: null and '' are there */
export interface ExistsMatch {
  readonly kind: 'exists'
  readonly expected: boolean
}

/** Found anywhere in the field's text unless anchored. `source` is RE2 syntax and has been compiled once. */
export interface RegexMatch {
  readonly kind: 'regex'
  readonly source: string
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
}

export interface CidrMatch {
  readonly kind: 'cidr'
  /** `network/prefix`, host bits cleared */
  readonly text: string
  readonly version: 4 | 6
  /** 4 or 16 bytes, host bits cleared */
  readonly network: readonly number[]
  readonly prefixBits: number
}

export type Comparison = 'lt' | 'lte' | 'gt' | 'gte'

/** A number, or text that reads as a decimal number; anything else does not match. */
export interface CompareMatch {
  readonly kind: 'compare'
  readonly comparison: Comparison
  readonly value: number
}

/** Another field of the same event; neither may be missing or null. */
export interface FieldMatch {
  readonly kind: 'field'
  readonly field: string
  readonly relation: 'equals' | 'startswith' | 'endswith' | 'contains'
  readonly cased: boolean
}

export type TimePart = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'

/** A part of a date as written in the event, no time zone applied; `week` is ISO 8601's. */
export interface TimeMatch {
  readonly kind: 'time'
  readonly part: TimePart
  readonly comparison: Comparison | 'eq'
  readonly value: number
}

/** One written value that became several (base64offset, expand). */
export interface AnyMatch {
  readonly kind: 'any'
  readonly of: readonly Match[]
}

// ------------------------------------------------------------------------------------------- correlations

/** A rule by id or name, resolved against all loaded rules. */
export interface RuleReference {
  readonly reference: string
  readonly position: Position
}

export interface CorrelationRule extends RuleHead {
  readonly kind: 'correlation'
  readonly correlation: Correlation
  /** the rules it refers to report their own matches too; false: only the correlation does */
  readonly generate: boolean
}

export type Correlation = EventCount | ValueCorrelation | Temporal

interface CorrelationBase {
  /** at least one; each a detection rule or another correlation */
  readonly rules: readonly RuleReference[]
  /** event fields or aliases; empty: one group */
  readonly groupBy: readonly string[]
  readonly aliases: readonly Alias[]
  readonly timespanMs: number
}

export interface EventCount extends CorrelationBase {
  readonly type: 'event_count'
  readonly condition: readonly CountTest[]
}

export interface ValueCorrelation extends CorrelationBase {
  readonly type: 'value_count' | 'value_sum' | 'value_avg' | 'value_percentile'
  /** at least one; several only for value_count, which counts their distinct combinations */
  readonly fields: readonly string[]
  readonly condition: readonly CountTest[]
  /** `percentile` in the condition of a value_percentile, 0 to 100; absent: as written in the specification */
  readonly percentile?: number
}

export interface Temporal extends CorrelationBase {
  readonly type: 'temporal' | 'temporal_ordered'
  /** on the number of different rules seen; empty: all of them */
  readonly condition: readonly CountTest[]
}

/** All tests of a condition must hold. */
export interface CountTest {
  readonly operator: Comparison | 'eq' | 'neq'
  readonly value: number
}

export interface Alias {
  readonly name: string
  /** which field stands for the alias, by the reference the correlation uses for the rule */
  readonly fields: readonly { readonly rule: string; readonly field: string }[]
}
