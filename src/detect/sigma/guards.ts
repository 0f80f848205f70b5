import type { Expression, Item, Match, PatternPart } from './ast.ts'
import { foldDashes, lowerCase } from './fold.ts'
import { gramsOf } from './gram-index.ts'
import { requiredLiteral } from './regex.ts'

/**
 * What must be in an event before a rule can match: at least one of its atoms. A rule is looked at only when one of
 * them is there, so that the many rules that have nothing to do with an event cost nothing. Undefined field: keywords,
 * anywhere in the event. Texts are in lower case.
 */
export type Atom =
  | { readonly kind: 'equals'; readonly field: string; readonly text: string }
  | { readonly kind: 'holds'; readonly field: string | undefined; readonly text: string }
  | { readonly kind: 'present'; readonly field: string }

/** Undefined: no such atoms exist (a rule that matches what is absent), so the rule is looked at for every event. */
export type Guards = readonly Atom[] | undefined

/** How likely an event is to have an atom, in arbitrary units; what many rules ask for is common in events too. */
export interface AtomCosts {
  costOf(atom: Atom): number
}

const MIN_LITERAL = 2

export function guardsOf(expression: Expression, costs: AtomCosts): Guards {
  switch (expression.kind) {
    case 'search':
      return guardsOf(expression.of, costs)
    case 'not':
      return undefined
    case 'and':
      return cheapest(
        expression.of.map((one) => guardsOf(one, costs)),
        costs,
      )
    case 'or':
    case 'at-least':
      return union(expression.of.map((one) => guardsOf(one, costs)))
    case 'item':
      return guardsOfItem(expression, costs)
  }
}

function guardsOfItem(item: Item, costs: AtomCosts): Guards {
  if (item.negated) return undefined
  const each = item.values.map((value) => guardsOfMatch(value, item.field))
  return item.link === 'all' ? cheapest(each, costs) : union(each)
}

function guardsOfMatch(match: Match, field: string | undefined): Guards {
  switch (match.kind) {
    case 'text':
      return textGuards(match.pattern, match.anyDash, field)
    case 'number': {
      const texts = new Set([String(match.value), lowerCase(match.text)])
      return field === undefined ? undefined : [...texts].map((text) => ({ kind: 'equals', field, text }))
    }
    case 'boolean':
      return field === undefined ? undefined : [{ kind: 'equals', field, text: String(match.value) }]
    case 'regex': {
      const literal = requiredLiteral(match)
      return literal === undefined ? present(field) : [{ kind: 'holds', field, text: literal }]
    }
    case 'exists':
      return match.expected ? present(field) : undefined
    case 'cidr':
    case 'compare':
    case 'time':
    case 'field':
      return present(field)
    case 'any':
      return union(match.of.map((one) => guardsOfMatch(one, field)))
    case 'null':
      return undefined
  }
}

function present(field: string | undefined): Guards {
  return field === undefined ? undefined : [{ kind: 'present', field }]
}

function textGuards(pattern: readonly PatternPart[], anyDash: boolean, field: string | undefined): Guards {
  const literals = pattern.flatMap((part) => ('literal' in part ? [lowerCase(part.literal)] : []))
  const whole = pattern.length === literals.length
  if (whole && !anyDash && field !== undefined) return [{ kind: 'equals', field, text: literals[0] ?? '' }]
  const pieces = anyDash ? literals.flatMap((literal) => foldDashes(literal).split('-')) : literals
  const text = pieces.reduce((longest, piece) => (piece.length > longest.length ? piece : longest), '')
  return text.length >= MIN_LITERAL ? [{ kind: 'holds', field, text }] : present(field)
}

/** Any of several: each must be guarded. */
function union(all: readonly Guards[]): Guards {
  const atoms: Atom[] = []
  for (const guards of all) {
    if (guards === undefined) return undefined
    atoms.push(...guards)
  }
  return atoms
}

/** All of several: the best guarded one is enough. */
function cheapest(all: readonly Guards[], costs: AtomCosts): Guards {
  let best: Guards
  let bestCost = Number.POSITIVE_INFINITY
  for (const guards of all) {
    if (guards === undefined) continue
    const cost = guards.reduce((sum, atom) => sum + costs.costOf(atom), 0)
    if (cost < bestCost) [best, bestCost] = [guards, cost]
  }
  return best
}

/** Costs learnt from the rules themselves: how many of them ask for the same text. */
export class AtomStatistics implements AtomCosts {
  private readonly grams = new Map<number, number>()
  private readonly values = new Map<string, number>()
  private mostGrams = 1
  private mostValues = 1

  /** Every atom that could guard one of the rules. */
  constructor(conditions: readonly Expression[]) {
    for (const condition of conditions) for (const atom of atomsIn(condition)) this.count(atom)
  }

  commonness(gram: number): number {
    return this.grams.get(gram) ?? 0
  }

  costOf(atom: Atom): number {
    if (atom.kind === 'present') return 4
    if (atom.kind === 'equals') return 0.02 + (this.values.get(valueKey(atom)) ?? 0) / this.mostValues
    const grams = gramsOf(atom.text)
    if (grams.length === 0) return 2
    const rarest = grams.reduce((least, gram) => Math.min(least, this.commonness(gram)), Number.POSITIVE_INFINITY)
    return 0.02 + rarest / this.mostGrams
  }

  private count(atom: Atom): void {
    if (atom.kind === 'equals') {
      const count = (this.values.get(valueKey(atom)) ?? 0) + 1
      this.values.set(valueKey(atom), count)
      this.mostValues = Math.max(this.mostValues, count)
    }
    if (atom.kind !== 'holds') return
    for (const gram of new Set(gramsOf(atom.text))) {
      const count = this.commonness(gram) + 1
      this.grams.set(gram, count)
      this.mostGrams = Math.max(this.mostGrams, count)
    }
  }
}

function valueKey(atom: { readonly field: string; readonly text: string }): string {
  return `${atom.field}\u001f${atom.text}`
}

function* atomsIn(expression: Expression): Generator<Atom> {
  if (expression.kind === 'item') {
    if (!expression.negated) for (const value of expression.values) yield* guardsOfMatch(value, expression.field) ?? []
  } else if (expression.kind === 'search') yield* atomsIn(expression.of)
  else if (expression.kind !== 'not') for (const one of expression.of) yield* atomsIn(one)
}
