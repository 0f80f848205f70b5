import { RE2JS } from 're2js'

/**
 * Sigma's regular expressions are PCRE restricted to what every engine has ("Regular Expression" in the modifier
 * appendix); rules may come from strangers, so they run on RE2 syntax, whose matching time is linear in the text. This
 * file rewrites the PCRE spellings that mean the same in RE2, and refuses the rest by name.
 */
export interface RegexProblem {
  /** what is wrong and what to write instead */
  readonly problem: string
}

/** RE2's own limit for one counted repetition; larger ones are written as a sequence. */
const MAX_REPEAT = 1000
/** and ours for the sum: a pattern's size is what each character of a text may cost */
const MAX_LARGE_REPEAT = 10_000

/** RE2 syntax for a PCRE source. Groups become non-capturing: a rule only asks whether there is a match. */
export function toRe2(source: string): string | RegexProblem {
  try {
    return new Translator(source).run()
  } catch (error) {
    if (error instanceof Unsupported) return { problem: error.message }
    throw error
  }
}

class Unsupported extends Error {}

const LOOK_AROUND =
  'look-ahead and look-behind are not part of Sigma and have no linear-time match; test the part to exclude in a search of its own and write `and not` in the condition'

const GROUPS: readonly (readonly [start: string, problem: string])[] = [
  ['(?=', LOOK_AROUND],
  ['(?!', LOOK_AROUND],
  ['(?<=', LOOK_AROUND],
  ['(?<!', LOOK_AROUND],
  ['(?>', 'atomic groups `(?>…)` are not part of Sigma; write `(?:…)`'],
  ['(?(', 'conditional groups `(?(…)…)` are not part of Sigma; write the alternatives with `|`'],
  ['(?|', 'branch reset groups `(?|…)` are not part of Sigma; write `(?:…)`'],
  ['(?P=', 'back references are not part of Sigma and have no linear-time match; write the repeated text out'],
  ['(?P>', 'recursion is not part of Sigma; write the group out'],
  ['(?&', 'recursion is not part of Sigma; write the group out'],
  ['(?R', 'recursion is not part of Sigma; write the group out'],
  ['(*', 'control verbs `(*…)` are not part of Sigma; leave it out'],
]

/** PCRE escapes that RE2 lacks or reads differently, outside of a class. */
const ESCAPES: Readonly<Record<string, string>> = {
  Z: '(?:\\n?\\z)',
  h: '[\\t ]',
  H: '[^\\t ]',
  N: '[^\\n]',
  R: '(?:\\r\\n|[\\n\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}])',
  v: '[\\n\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}]',
  V: '[^\\n\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}]',
  e: '\\x1b',
}

const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  h: '\\t ',
  v: '\\n\\x0b\\f\\r\\x{85}\\x{2028}\\x{2029}',
  e: '\\x1b',
  b: '\\x08',
}

/** an escape that stands for a set of characters */
const SET = /^\\[dDwWsShHvVpP]/

class Translator {
  private readonly source: string
  private at = 0
  private out = ''
  /** where the last atom, which a quantifier would repeat, begins in `out` */
  private atom = 0
  private readonly groups: number[] = []

  constructor(source: string) {
    this.source = source
  }

  run(): string {
    while (this.at < this.source.length) this.step()
    return this.out
  }

  private step(): void {
    const char = this.source.charAt(this.at)
    if (char === '\\') this.append(this.escape(ESCAPES))
    else if (char === '[') this.append(this.class())
    else if (char === '(') this.open()
    else if (char === ')') {
      this.out += char
      this.at++
      this.atom = this.groups.pop() ?? this.atom
    } else if (char === '*' || char === '+' || char === '?') this.quantifier(char)
    else if (char === '{') this.counted()
    else {
      const [one = char] = this.source.slice(this.at, this.at + 2)
      this.at += one.length
      this.append(one)
    }
  }

  private append(atom: string): void {
    this.atom = this.out.length
    this.out += atom
  }

  /** One escape, `at` on the backslash. */
  private escape(rewritten: Readonly<Record<string, string>>): string {
    const char = this.source.charAt(this.at + 1)
    if (char === '') throw new Unsupported('the pattern ends in a single backslash; write `\\\\` for a backslash')
    const rest = this.source.slice(this.at)
    this.at += 2
    if (char === 'Q') return this.quoted()
    if (/^\\[1-9]|^\\[gk][{<'1-9-]/.test(rest) && rewritten === ESCAPES)
      throw new Unsupported(
        'back references are not part of Sigma and have no linear-time match; write the repeated text out',
      )
    if (char === 'K' || char === 'G' || char === 'X' || char === 'C')
      throw new Unsupported(`\\${char} is not part of Sigma; leave it out`)
    const unicode = /^\\u([0-9a-fA-F]{4})/.exec(rest)
    if (unicode) {
      this.at += 4
      return `\\x{${unicode[1]}}`
    }
    if (char === 'c') {
      const control = rest.toUpperCase().charCodeAt(2)
      this.at++
      return `\\x{${(control ^ 64).toString(16)}}`
    }
    if (char.charCodeAt(0) > 127) return char
    return Object.hasOwn(rewritten, char) ? (rewritten[char] ?? '') : `\\${char}`
  }

  /** `\Q…\E`: everything between is literal. */
  private quoted(): string {
    const end = this.source.indexOf('\\E', this.at)
    const text = this.source.slice(this.at, end < 0 ? undefined : end)
    this.at = end < 0 ? this.source.length : end + 2
    return RE2JS.quote(text)
  }

  /** One bracket expression, `at` on its `[`. */
  private class(): string {
    let out = '['
    this.at++
    if (this.source.charAt(this.at) === '^') out += this.source.charAt(this.at++)
    if (this.source.charAt(this.at) === ']') {
      out += '\\]'
      this.at++
    }
    while (this.at < this.source.length) {
      const char = this.source.charAt(this.at)
      const posix = char === '[' ? /^\[:\^?[a-z]+:\]/.exec(this.source.slice(this.at, this.at + 16)) : null
      if (char === '\\')
        out += this.escape(CLASS_ESCAPES) + this.dashAfter(SET.test(this.source.slice(this.at - 2, this.at)))
      else if (char === '-' && SET.test(this.source.slice(this.at + 1, this.at + 3))) out += this.dashAfter(true)
      else if (posix) {
        out += posix[0]
        this.at += posix[0].length
      } else {
        this.at++
        if (char === ']') return `${out}]`
        out += char === '[' ? '\\[' : char
      }
    }
    throw new Unsupported('a `[` has no `]`; write `\\[` for a bracket')
  }

  /** A dash beside a set such as `\\w` cannot make a range: it is itself, and RE2 wants it escaped. */
  private dashAfter(aSet: boolean): string {
    if (!aSet || this.source.charAt(this.at) !== '-') return ''
    this.at++
    return '\\-'
  }

  private open(): void {
    const rest = this.source.slice(this.at, this.at + 4)
    for (const [start, problem] of GROUPS) if (rest.startsWith(start)) throw new Unsupported(problem)
    if (rest.startsWith('(?#')) {
      const end = this.source.indexOf(')', this.at)
      if (end < 0) throw new Unsupported('a comment `(?#` has no `)`; close it')
      this.at = end + 1
      return
    }
    const tail = this.source.slice(this.at)
    const named = /^\(\?(?:P?<[A-Za-z_][A-Za-z0-9_]*>|'[A-Za-z_][A-Za-z0-9_]*')/.exec(tail)
    const flags = /^\(\?[a-zA-Z-]*[:)]/.exec(tail)
    const text = named?.[0] ?? flags?.[0] ?? '('
    if (!named && flags && /[^imsU-]/.test(flags[0].slice(2, -1)))
      throw new Unsupported(`the inline flags ${flags[0]} are not part of Sigma; i, m and s are`)
    this.at += text.length
    if (text.endsWith(')')) {
      this.out += text
      this.atom = this.out.length
      return
    }
    this.groups.push(this.out.length)
    this.out += flags && !named ? text : '(?:'
    this.atom = this.out.length
  }

  /** `*`, `+`, `?` and their lazy forms; possessive ones change what matches and are refused. */
  private quantifier(text: string): void {
    this.at += text.length
    const next = this.source.charAt(this.at)
    if (next === '+')
      throw new Unsupported(`the possessive quantifier \`${text}+\` is not part of Sigma; write \`${text}\``)
    if (next === '?') this.at++
    this.out += text
  }

  /** `{n}`, `{n,}`, `{n,m}`; a brace that is none of these is literal, as in PCRE. */
  private counted(): void {
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.source.slice(this.at, this.at + 32))
    if (!found) {
      this.at++
      this.append('\\{')
      return
    }
    const least = Number(found[1])
    const most = found[2] === undefined ? least : found[3] === '' ? undefined : Number(found[3])
    if (least <= MAX_REPEAT && (most ?? 0) <= MAX_REPEAT) {
      this.quantifier(found[0])
      return
    }
    if (least > MAX_LARGE_REPEAT || (most ?? 0) > MAX_LARGE_REPEAT)
      throw new Unsupported(`the repetition ${found[0]} is too large; the limit is ${MAX_LARGE_REPEAT}`)
    const atom = this.out.slice(this.atom)
    this.out = this.out.slice(0, this.atom)
    this.quantifier(found[0])
    this.out = this.out.slice(0, this.atom) + repeated(atom, least, most)
  }
}

/** A repetition beyond RE2's limit as a sequence of smaller ones. */
function repeated(atom: string, least: number, most: number | undefined): string {
  const times = (count: number, from: (size: number) => string): string => {
    let out = ''
    for (let left = count; left > 0; left -= MAX_REPEAT) out += atom + from(Math.min(left, MAX_REPEAT))
    return out
  }
  const required = times(least, (size) => `{${size}}`)
  const optional = most === undefined ? `${atom}*` : times(most - least, (size) => `{0,${size}}`)
  return `(?:${required}${optional})`
}
