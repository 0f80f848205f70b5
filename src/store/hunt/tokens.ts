/**
 * A strict tokenizer for the part of ClickHouse's SQL that hunts may use. What it does not know it refuses, and the
 * engine is given what was understood, written anew, so that nothing can mean one thing here and another there: no
 * comment, no unusual escape, no character outside ASCII but in strings.
 */
export type TokenKind = 'word' | 'quoted' | 'text' | 'number' | 'parameter' | 'symbol'

export interface Token {
  readonly kind: TokenKind
  /** a word as it stands, the name in a quoted one, the characters of a text, the symbol */
  readonly value: string
  /** nothing stood between it and the token before */
  readonly joined: boolean
  /** offset in the statement */
  readonly at: number
}

/** Why a hunt is not run; a sentence that says what to do. */
export class HuntRefused extends Error {
  override readonly name = 'HuntRefused'
  readonly code = 'hunt_refused'
  /** offset in the statement */
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

export const MAX_CHARS = 20_000
const MAX_TOKENS = 5_000

const SPACE = /[ \t\r\n]+/y
const LINE_COMMENT = /--[^\n]*/y
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
const QUOTED = /`([\w .:-]{1,128})`|"([\w .:-]{1,128})"/y
const PARAMETER =
  /\{\s*([a-z][a-z0-9_]*)\s*:\s*(String|UInt(?:8|16|32|64)|Int(?:8|16|32|64)|Float64|Bool|Date|DateTime|DateTime64\(3\)|Array\(String\))\s*\}/y
const SYMBOL = /->|::|<=|>=|==|!=|<>|\|\||[()[\],.+\-*/%=<>?:]/y

export function tokenize(sql: string): readonly Token[] {
  if (sql.length > MAX_CHARS) throw new HuntRefused(`a hunt has at most ${MAX_CHARS} characters`, MAX_CHARS)
  const tokens: Token[] = []
  let at = 0
  let joined = false
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    return pattern.exec(sql) ?? undefined
  }
  while (at < sql.length) {
    const blank = take(SPACE) ?? take(LINE_COMMENT) ?? take(BLOCK_COMMENT)
    if (blank) {
      at += blank[0].length
      joined = false
      continue
    }
    const [token, length] = tokenAt(sql, at, joined, take)
    if (touches(tokens.at(-1), token))
      throw new HuntRefused('two names, numbers or texts touch each other; put a space between them', at)
    tokens.push(token)
    if (tokens.length > MAX_TOKENS) throw new HuntRefused(`a hunt has at most ${MAX_TOKENS} words and symbols`, at)
    at += length
    joined = true
  }
  return tokens
}

function tokenAt(
  sql: string,
  at: number,
  joined: boolean,
  take: (pattern: RegExp) => RegExpExecArray | undefined,
): readonly [Token, number] {
  if (sql[at] === "'") {
    const [value, length] = textAt(sql, at)
    return [{ kind: 'text', value, joined, at }, length]
  }
  const word = take(WORD)
  if (word) return [{ kind: 'word', value: word[0], joined, at }, word[0].length]
  const number = take(NUMBER)
  if (number) return [{ kind: 'number', value: number[0], joined, at }, number[0].length]
  const quoted = take(QUOTED)
  if (quoted) return [{ kind: 'quoted', value: quoted[1] ?? quoted[2] ?? '', joined, at }, quoted[0].length]
  const parameter = take(PARAMETER)
  if (parameter)
    return [{ kind: 'parameter', value: `{${parameter[1]}:${parameter[2]}}`, joined, at }, parameter[0].length]
  const symbol = take(SYMBOL)
  if (symbol) return [{ kind: 'symbol', value: symbol[0], joined, at }, symbol[0].length]
  const shown = JSON.stringify(String.fromCodePoint(sql.codePointAt(at) ?? 0))
  throw new HuntRefused(`${shown} has no place in a hunt`, at)
}

/** `x'41'`, `1e` and `a"b"` mean something else to the engine than two tokens. */
function touches(before: Token | undefined, token: Token): boolean {
  return token.joined && before !== undefined && before.kind !== 'symbol' && token.kind !== 'symbol'
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
])
/** Of regular expressions and LIKE: the engine keeps the backslash before them. */
const KEPT = /[.%_*+?()[\]{}|^$dDsSwW/-]/

function textAt(sql: string, from: number): readonly [string, number] {
  let value = ''
  for (let at = from + 1; at < sql.length; at++) {
    const char = sql[at] ?? ''
    const next = sql[at + 1] ?? ''
    if (char === "'" && next !== "'") return [value, at + 1 - from]
    if (char === '\0') break
    if (char === "'") at++
    if (char !== '\\') {
      value += char
      continue
    }
    const escaped = ESCAPES.get(next) ?? (KEPT.test(next) ? `\\${next}` : undefined)
    if (escaped === undefined)
      throw new HuntRefused('this escape has no place in a hunt; write \\\\ for a backslash', at)
    value += escaped
    at++
  }
  throw new HuntRefused('a text is not closed', from)
}

/** The one way in which texts are written for the engine. */
export function literal(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')}'`
}
