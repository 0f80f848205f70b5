import { RE2JS } from 're2js'
import type { RegexMatch } from './ast.ts'
import { lowerCase } from './fold.ts'
import type { TextTest } from './text-test.ts'

type Regex = Omit<RegexMatch, 'kind'>

/** RE2 instructions; a pattern beyond it (counted repetitions of counted repetitions) is refused when it is loaded */
const MAX_PROGRAM = 2_100
/**
 * Instructions times characters that one value may cost. Matching is linear in the text, but each character may cost a
 * visit of every instruction; so a pattern of 20 instructions looks at the first 200,000 characters of a value, and one
 * of 1,000 at the first 4,000.
 */
const MAX_STEPS = 4_000_000

/** Throws when the source is not RE2 syntax. */
export function compileRegex({ source, ignoreCase, multiLine, dotAll }: Regex): RE2JS {
  const flags =
    (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (multiLine ? RE2JS.MULTILINE : 0) | (dotAll ? RE2JS.DOTALL : 0)
  return RE2JS.compile(source, flags)
}

/** Whether a text has a match anywhere. */
export function regexTest(match: Regex): TextTest {
  const length = lineLength(match)
  if (length !== undefined) return hasLine(length)
  const literal = requiredLiteral(match)
  const regex = compileRegex({ ...match, source: withoutEdges(match.source) })
  const maxLength = Math.floor(MAX_STEPS / regex.programSize())
  return (text) => {
    if (literal !== undefined && !lowerCase(text).includes(literal)) return false
    return regex.test(text.length > maxLength ? text.slice(0, maxLength) : text)
  }
}

/** Throws when the source is not RE2 syntax; false when it is too large to run. */
export function isRunnable(match: Regex): boolean {
  const size = compileRegex(match).programSize()
  return size <= MAX_PROGRAM || lineLength(match) !== undefined
}

/** The n of `.{n,}`, by which rules find long values, however it is written: an automaton would need n states for it. */
function lineLength({ source, dotAll }: Regex): number | undefined {
  const counts = dotAll ? undefined : /^(?:\(\?:)?((?:\.\{\d+\})+)(?:\.\*)?\)?$/.exec(withoutEdges(source))?.[1]
  return counts?.match(/\d+/g)?.reduce((sum, count) => sum + Number(count), 0)
}

/** A line of so many characters. */
function hasLine(length: number): TextTest {
  return (text) => {
    let run = 0
    for (const char of text.length < length ? '' : text) {
      run = char === '\n' ? 0 : run + 1
      if (run >= length) return true
    }
    return length === 0
  }
}

const LEADING = /^((?:\(\?[imsU-]+\))*)(?:\.|\\[wWsSdD]|[a-zA-Z0-9 ])(?:\*|\{0,\d*\})/
const TRAILING = /(^|[^\\])(\.|\\[wWsSdD])(?:\*|\{0,\d*\})$/
const TRAILING_MORE = /(^|[^\\])(\.|\\[wWsSdD])\{(\d+),\d*\}$/

/** The same search without what may be empty at its ends, such as `.*`, which only makes it slower. */
function withoutEdges(source: string): string {
  if (hasAlternatives(source)) return source
  let out = source
  for (let before = ''; before !== out; ) {
    before = out
    out = out.replace(LEADING, '$1').replace(TRAILING, '$1').replace(TRAILING_MORE, '$1$2{$3}')
  }
  return out
}

function hasAlternatives(source: string): boolean {
  let depth = 0
  for (const { token, at } of tokensOf(source)) {
    if (token === '[') continue
    if (token.startsWith('(') && !token.endsWith(')')) depth++
    else if (token === ')') depth--
    else if (token === '|' && depth === 0 && at > 0) return true
  }
  return source.startsWith('|')
}

/**
 * The longest text, lower case, that every match of this RE2 source contains; undefined when none is certain. Only
 * what stands outside of alternatives, options and repetitions counts. Where case is ignored, `s` and whatever is not
 * ASCII end a run: they have twins, such as U+017F, that match them and whose lower case is another.
 */
export function requiredLiteral({ source, ignoreCase }: Pick<RegexMatch, 'source' | 'ignoreCase'>): string | undefined {
  const folded = ignoreCase || /\(\?[a-zA-Z-]*i/.test(source)
  let best = ''
  let run = ''
  let depth = 0
  const end = (keep: string): void => {
    if (keep.length > best.length) best = keep
    run = ''
  }
  for (const { token, next } of tokensOf(source)) {
    const quantifier = /^(?:[*?]|\{0)/.test(source.slice(next, next + 2))
    if (token === '[') {
      if (depth === 0) end(run)
    } else if (token === '(' || token.startsWith('(?')) {
      if (!token.endsWith(')')) depth++
      end(run)
    } else if (token === ')') depth--
    else if (depth > 0) continue
    else if (token === '|') return undefined
    else {
      const literal = literalOf(token)
      if (literal === undefined || quantifier || (folded && /[sS]|[^\0-\x7f]/.test(literal))) end(run)
      else run += lowerCase(literal)
    }
  }
  end(run)
  return best.length >= 3 ? best : undefined
}

const TOKEN =
  /^(?:\\x\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2}|\\p\{[^}]*\}|\\[\s\S]|\(\?[a-zA-Z-]*[:)]|\{\d+(?:,\d*)?\}|[\s\S])/u

/** The tokens of an RE2 source; a class is one `[`. */
function* tokensOf(source: string): Generator<{ readonly token: string; readonly at: number; readonly next: number }> {
  for (let at = 0; at < source.length; ) {
    const token = TOKEN.exec(source.slice(at, at + 64))?.[0] ?? source.charAt(at)
    const next = token === '[' ? classEnd(source, at + 1) : at + token.length
    yield { token, at, next }
    at = next
  }
}

function literalOf(token: string): string | undefined {
  if (/^\\[^a-zA-Z0-9]$/.test(token)) return token.slice(1)
  return token.length > 2 || /^[\\.^$*+?{}]/.test(token) ? undefined : token
}

/** The index after the class whose `[` is behind `at`. */
function classEnd(source: string, at: number): number {
  for (let index = at; index < source.length; index++) {
    const char = source.charAt(index)
    if (char === '\\') index++
    else if (char === '[' && source.charAt(index + 1) === ':') index = source.indexOf(':]', index) + 1
    else if (char === ']' && index > at) return index + 1
  }
  return source.length
}
