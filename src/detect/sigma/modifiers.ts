import type { Comparison, Position, TimePart } from './ast.ts'
import type { Utf16 } from './encode.ts'
import { RuleError } from './errors.ts'

const MODIFIERS = [
  'all',
  'base64',
  'base64offset',
  'cased',
  'cidr',
  'contains',
  'day',
  'endswith',
  'exists',
  'expand',
  'fieldref',
  'gt',
  'gte',
  'hour',
  'i',
  'lt',
  'lte',
  'm',
  'minute',
  'month',
  'neq',
  're',
  's',
  'startswith',
  'utf16',
  'utf16be',
  'utf16le',
  'week',
  'wide',
  'windash',
  'year',
] as const
type Modifier = (typeof MODIFIERS)[number]

export const PLACES = ['contains', 'startswith', 'endswith'] as const
export const TIME_PARTS: readonly TimePart[] = ['minute', 'hour', 'day', 'week', 'month', 'year']
export const COMPARISONS: readonly Comparison[] = ['lt', 'lte', 'gt', 'gte']
export const UTF16: readonly Utf16[] = ['utf16', 'utf16le', 'utf16be', 'wide']
export const ENCODINGS: readonly Modifier[] = [...UTF16, 'base64', 'base64offset']
const REGEX_FLAGS = ['i', 'm', 's'] as const

/** What each kind of match can stand beside; `all` and `neq` go with everything but `exists`. */
const COMPANIONS: Readonly<Record<'re' | 'cidr' | 'exists' | 'fieldref' | 'compare' | 'time', readonly Modifier[]>> = {
  re: ['re', 'i', 'm', 's', 'all', 'neq'],
  cidr: ['cidr', 'all', 'neq'],
  exists: ['exists'],
  fieldref: ['fieldref', 'contains', 'startswith', 'endswith', 'cased', 'all', 'neq'],
  compare: ['lt', 'lte', 'gt', 'gte', 'all', 'neq'],
  time: [...TIME_PARTS, 'lt', 'lte', 'gt', 'gte', 'all', 'neq'],
}

/** The modifiers of one line, checked against each other. */
export class Spec {
  readonly field: string | undefined
  readonly position: Position
  readonly modifiers: readonly Modifier[]

  /** `written`: as they stand behind the field; throws when they contradict each other */
  constructor(field: string | undefined, written: readonly string[], position: Position) {
    this.field = field
    this.modifiers = written.map((modifier) => known(modifier, position))
    this.position = position
    this.check()
  }

  has(modifier: Modifier): boolean {
    return this.modifiers.includes(modifier)
  }

  /** the only modifier of a group */
  one<M extends Modifier>(group: readonly M[]): M | undefined {
    return group.find((modifier) => this.has(modifier))
  }

  private check(): void {
    const twice = this.modifiers.find((modifier, index) => this.modifiers.indexOf(modifier) !== index)
    if (twice) this.refuse(`\`${twice}\` is there twice; write it once`)
    for (const group of [PLACES, TIME_PARTS, COMPARISONS, UTF16, ['base64', 'base64offset'] as const]) {
      const found = this.modifiers.filter((modifier) => (group as readonly string[]).includes(modifier))
      if (found.length > 1) this.refuse(`\`${found[0]}\` and \`${found[1]}\` contradict each other; keep one`)
    }
    for (const [kind, companions] of Object.entries(COMPANIONS)) {
      if (!this.is(kind)) continue
      const other = this.modifiers.find((modifier) => !companions.includes(modifier))
      if (other) this.refuse(`\`${other}\` does nothing to \`${this.named(kind)}\`; leave it out`)
      break
    }
    const flag = this.one(REGEX_FLAGS)
    if (flag && !this.has('re')) this.refuse(`\`${flag}\` belongs behind \`re\`; text is compared without case already`)
    if (this.field === undefined && (this.has('exists') || this.has('fieldref') || this.one(TIME_PARTS)))
      this.refuse('this modifier needs a field: write `Field|modifier`')
  }

  private is(kind: string): boolean {
    if (kind === 'time') return this.one(TIME_PARTS) !== undefined
    if (kind === 'compare') return this.one(COMPARISONS) !== undefined && this.one(TIME_PARTS) === undefined
    return this.modifiers.includes(kind as Modifier)
  }

  private named(kind: string): string {
    return kind === 'time' || kind === 'compare' ? (this.one([...TIME_PARTS, ...COMPARISONS]) ?? kind) : kind
  }

  private refuse(message: string): never {
    throw new RuleError(this.position, message)
  }
}

function known(modifier: string, position: Position): Modifier {
  const found = MODIFIERS.find((one) => one === modifier)
  if (found) return found
  const hint = HINTS[modifier] ?? `modifiers are ${MODIFIERS.join(', ')}`
  throw new RuleError(position, `there is no modifier \`${modifier}\`; ${hint}`)
}

const HINTS: Readonly<Record<string, string>> = {
  not: 'write `neq`, or put the line in a search of its own and `not` before it in the condition',
  equals: 'leave it out: a value is compared with the whole field',
  exact: 'leave it out: a value is compared with the whole field; `cased` compares upper and lower case',
  regex: 'write `re`',
  startsWith: 'write `startswith`',
  endsWith: 'write `endswith`',
  in: 'leave it out: a list of values matches any of them',
  ignorecase: 'write `re|i`',
  utf8: 'leave it out',
}
