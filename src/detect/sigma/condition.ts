import type { Expression, Position } from './ast.ts'
import { RuleError } from './errors.ts'

/**
 * The condition language: `or` binds least, then `and`, `not`, `x of pattern`, brackets. Operators are read in either
 * case, since public rules write both; names of searches are case-sensitive.
 */
export interface Searches {
  readonly names: readonly string[]
  get(name: string): Expression | undefined
  /** told which names a condition uses */
  used(name: string): void
}

const MAX_DEPTH = 100

export function parseCondition(text: string, searches: Searches, position: Position): Expression {
  return new ConditionParser(text, searches, position).parse()
}

class ConditionParser {
  private readonly tokens: readonly string[]
  private readonly searches: Searches
  private readonly position: Position
  private at = 0
  private depth = 0

  constructor(text: string, searches: Searches, position: Position) {
    this.searches = searches
    this.position = position
    if (text.includes('|'))
      this.refuse(
        'aggregations (`| count() …`) have left Sigma; write a correlation rule of type event_count or value_count',
      )
    this.tokens = text.match(/[()]|[^\s()]+/g) ?? []
    if (this.tokens.length === 0) this.refuse('the condition is empty; name a search, such as `selection`')
  }

  parse(): Expression {
    const expression = this.or()
    const rest = this.tokens[this.at]
    if (rest === ')') this.refuse('a `)` has no `(`; remove it')
    if (rest !== undefined) this.refuse(`\`${rest}\` stands where \`and\` or \`or\` is expected`)
    return expression
  }

  private or(): Expression {
    return this.chain('or', () => this.and())
  }

  private and(): Expression {
    return this.chain('and', () => this.not())
  }

  private chain(kind: 'and' | 'or', operand: () => Expression): Expression {
    if (++this.depth > MAX_DEPTH)
      this.refuse('the condition is nested too deeply; give parts of it a search of their own')
    const of = [operand()]
    while (this.keyword(kind)) of.push(operand())
    this.depth--
    const [only] = of
    return of.length === 1 && only ? only : { kind, of }
  }

  private not(): Expression {
    let negated = false
    while (this.keyword('not')) negated = !negated
    const of = this.primary()
    return negated ? { kind: 'not', of } : of
  }

  private primary(): Expression {
    const token = this.tokens[this.at]
    if (token === undefined) this.refuse(`something is missing behind \`${this.tokens.at(-1)}\`; name a search`)
    if (token === '(') return this.brackets()
    if (token === ')') this.refuse('a `)` stands where a search is expected')
    if (this.tokens[this.at + 1]?.toLowerCase() === 'of' && this.searches.get(token) === undefined)
      return this.quantified(token)
    this.at++
    return this.search(token)
  }

  private brackets(): Expression {
    this.at++
    const inner = this.or()
    if (this.tokens[this.at] !== ')') this.refuse('a `(` has no `)`; close it')
    this.at++
    return inner
  }

  private search(name: string): Expression {
    const of = this.searches.get(name)
    if (of) {
      this.searches.used(name)
      return { kind: 'search', name, of }
    }
    const known = this.searches.names.join(', ') || 'none'
    return this.refuse(`the condition names \`${name}\`, which is not among the searches (${known}); correct the name`)
  }

  /** `1 of`, `any of`, `all of`, `N of` a pattern or `them`. */
  private quantified(quantifier: string): Expression {
    const pattern = this.tokens[this.at + 2]
    if (pattern === undefined) this.refuse('`of` needs a pattern such as `selection*`, or `them`')
    this.at += 3
    const names = this.matching(pattern)
    if (names.length === 0) this.refuse(`no search is called \`${pattern}\`; correct the pattern, or define one`)
    const of = names.map((name) => this.search(name))
    const count = this.count(quantifier, of.length)
    const [only] = of
    if (of.length === 1 && only) return only
    if (count === 1) return { kind: 'or', of }
    return count === of.length ? { kind: 'and', of } : { kind: 'at-least', count, of }
  }

  private count(quantifier: string, all: number): number {
    const word = quantifier.toLowerCase()
    if (word === 'all') return all
    if (word === 'any') return 1
    const count = /^[1-9][0-9]*$/.test(word) ? Number(word) : 0
    if (count === 0) this.refuse(`\`${quantifier} of\` is no quantifier; write \`1 of\`, \`2 of\` or \`all of\``)
    if (count > all)
      this.refuse(`\`${quantifier} of\` can never hold: only ${all} searches have that name; lower the number`)
    return count
  }

  /** Names beginning with an underscore count only when the pattern says so. */
  private matching(pattern: string): readonly string[] {
    const names = this.searches.names
    if (pattern.toLowerCase() === 'them' && !names.includes(pattern))
      return names.filter((name) => !name.startsWith('_'))
    const test = globTest(pattern)
    return names.filter((name) => test(name) && (pattern.startsWith('_') || !name.startsWith('_')))
  }

  private keyword(word: string): boolean {
    const token = this.tokens[this.at]
    if (token === undefined || token.toLowerCase() !== word || this.searches.get(token) !== undefined) return false
    this.at++
    return true
  }

  private refuse(message: string): never {
    throw new RuleError(this.position, message)
  }
}

/** `*` is any number of characters. Linear: each piece is looked for once, from left to right. */
function globTest(pattern: string): (name: string) => boolean {
  const [head = '', ...pieces] = pattern.split('*')
  const tail = pieces.pop()
  if (tail === undefined) return (name) => name === pattern
  return (name) => {
    if (!name.startsWith(head) || !name.endsWith(tail) || name.length < head.length + tail.length) return false
    const end = name.length - tail.length
    let from = head.length
    for (const piece of pieces) {
      const found = name.indexOf(piece, from)
      if (found < 0 || found + piece.length > end) return false
      from = found + piece.length
    }
    return true
  }
}
