import { VIEWS } from '../views.ts'
import { isAllowed } from './functions.ts'
import { HuntRefused, literal, type Token, tokenize } from './tokens.ts'

/**
 * The one gate of analysts' SQL. A hunt is one SELECT over the documented views. Where a table stands there must be a
 * view, which is replaced by its rows of the tenant, a name from WITH, or a SELECT in parentheses; every call must be of
 * a function on the list; words that start anything else are refused wherever they stand. The engine gets the statement
 * written anew from what was understood, and is first asked what it reads in it (hunt/tree.ts); it has limits of its own
 * besides (hunt/lane.ts).
 *
 * Throws HuntRefused.
 */
export function gate(sql: string, tenant: string): GatedHunt {
  const tokens = tokenize(sql)
  const [first] = tokens
  if (first === undefined) throw new HuntRefused('the hunt is empty', 0)
  if (!isWord(first, 'SELECT', 'WITH')) throw new HuntRefused('a hunt begins with SELECT or WITH', first.at)
  return new Gate(tokens, tenant).query()
}

export interface GatedHunt {
  readonly sql: string
  /** names that stand where tables stand in it, each as often as it does, sorted */
  readonly tables: readonly string[]
}

/** Nothing of a hunt needs them, and each begins something that a hunt must not do. */
const REFUSED = words(`
  INTO OUTFILE FORMAT SETTINGS INSERT UPDATE DELETE ALTER DROP CREATE ATTACH DETACH TRUNCATE RENAME EXCHANGE OPTIMIZE
  SYSTEM KILL GRANT REVOKE SET USE EXPLAIN DESCRIBE SHOW BACKUP RESTORE WATCH CHECK EXECUTE CALL VALUES UNDROP MOVE
  PREWHERE SAMPLE FINAL APPLY COLUMNS RECURSIVE MATERIALIZED FILL INTERPOLATE PASTE PARALLEL COMPRESSION TOP
  INFORMATION_SCHEMA
`)
/** Words that a parenthesis may follow without a call. */
const BEFORE_PARENTHESIS = words(`
  SELECT DISTINCT WITH WHERE HAVING QUALIFY BY ON USING AND OR NOT IN AS OVER EXISTS ALL ANY WHEN THEN ELSE CASE BETWEEN
  LIKE ILIKE IS LIMIT OFFSET INTERVAL EXCEPT UNION INTERSECT ARRAY JOIN DIV MOD ASC DESC
`)
/** What follows a table and is no alias of it. */
const AFTER_TABLE = words(`
  WHERE GROUP HAVING ORDER LIMIT UNION INTERSECT EXCEPT JOIN LEFT RIGHT INNER OUTER FULL CROSS ASOF SEMI ANTI ANY ALL
  GLOBAL ARRAY ON USING WINDOW QUALIFY OFFSET AS
`)
const TAIL = words('WHERE GROUP HAVING ORDER LIMIT WINDOW QUALIFY OFFSET')
const MAX_DEPTH = 40
const READABLE: ReadonlySet<string> = new Set(VIEWS)
const COMMON = 'cte_'

type Clause = 'start' | 'with' | 'select' | 'from' | 'array join' | 'tail' | 'set'

class Gate {
  private readonly tokens: readonly Token[]
  private readonly tenant: string
  /** names that WITH gives to subqueries, anywhere in the hunt */
  private readonly common: ReadonlySet<string>
  private readonly written: string[] = []
  private readonly tables: string[] = []
  private at = 0
  private depth = 0

  constructor(tokens: readonly Token[], tenant: string) {
    this.tokens = tokens
    this.tenant = tenant
    this.common = commonNames(tokens)
  }

  query(): GatedHunt {
    this.select()
    const rest = this.peek()
    if (rest) throw new HuntRefused(`\`${rest.value}\` closes nothing`, rest.at)
    return { sql: this.written.join('').trim(), tables: this.tables.sort() }
  }

  /** One SELECT with what follows it, to its closing parenthesis or to the end. */
  private select(): void {
    this.enter()
    let clause: Clause = 'start'
    for (let token = this.peek(); token && !isSymbol(token, ')'); token = this.peek()) {
      this.checkName(token)
      const moved: Clause | undefined = token.kind === 'word' ? this.clauseAfter(token, clause) : undefined
      if (moved !== undefined) {
        this.write(token)
        clause = moved
        if (moved === 'from') this.table()
      } else if (clause === 'from' && isSymbol(token, ',')) {
        this.write(token)
        this.table()
      } else this.part(token, clause)
    }
    if (clause === 'start' || clause === 'with' || clause === 'set')
      throw new HuntRefused('a SELECT is missing', this.tokens.at(-1)?.at ?? 0)
    this.depth--
  }

  /** The clause that a word begins; undefined where it begins none. */
  private clauseAfter(token: Token, clause: Clause): Clause | undefined {
    const word = token.value.toUpperCase()
    const refuse = (): never => {
      throw new HuntRefused(`${word} does not belong here`, token.at)
    }
    if (word === 'WITH') {
      if (clause === 'start') return 'with'
      return isWord(this.peek(1), 'TOTALS', 'ROLLUP', 'CUBE', 'TIES') ? undefined : refuse()
    }
    if (word === 'SELECT') return clause === 'start' || clause === 'with' || clause === 'set' ? 'select' : refuse()
    if (clause === 'start') return refuse()
    if (word === 'FROM') return clause === 'select' ? 'from' : refuse()
    if (word === 'JOIN') {
      if (clause !== 'from' && clause !== 'array join') return refuse()
      return isWord(this.peek(-1), 'ARRAY') ? 'array join' : 'from'
    }
    if (TAIL.has(word)) return clause === 'with' || clause === 'set' ? refuse() : 'tail'
    if (word === 'UNION' || word === 'INTERSECT') return clause === 'with' ? refuse() : 'set'
    if (word === 'EXCEPT') return isSymbol(this.peek(-1), '*') ? undefined : 'set'
    return undefined
  }

  /** What may stand where a table stands. */
  private table(): void {
    const token = this.peek()
    if (token === undefined) throw new HuntRefused('a table is missing', this.tokens.at(-1)?.at ?? 0)
    if (isSymbol(token, '(')) {
      if (!isWord(this.peek(1), 'SELECT', 'WITH'))
        throw new HuntRefused('in parentheses there must be a SELECT here', token.at)
      this.parenthesis(token)
      return
    }
    const next = this.peek(1)
    if ((token.kind !== 'word' && token.kind !== 'quoted') || isSymbol(next, '(') || isSymbol(next, '.'))
      throw new HuntRefused(`a hunt reads ${VIEWS.join(', ')} and nothing else`, token.at)
    this.at++
    this.written.push(` ${this.rowsOf(token)}`)
    if (this.common.has(token.value)) this.tables.push(`${COMMON}${token.value}`)
    const named = next?.kind === 'quoted' || (next?.kind === 'word' && !AFTER_TABLE.has(next.value.toUpperCase()))
    if (!named && !isWord(next, 'AS')) this.written.push(` AS \`${token.value}\``)
  }

  /** A view as its rows of the tenant; a name from WITH as it is called in what is written. */
  private rowsOf({ value, at }: Token): string {
    if (this.common.has(value)) return `\`${COMMON}${value}\``
    if (READABLE.has(value)) {
      this.tables.push(value)
      return `(SELECT * FROM \`${value}\` WHERE tenant = ${literal(this.tenant)})`
    }
    throw new HuntRefused(`there is no \`${value}\`; a hunt reads ${VIEWS.join(', ')}`, at)
  }

  /** Anything that begins no clause. */
  private part(token: Token, clause: Clause): void {
    if (isSymbol(token, '(')) {
      this.parenthesis(token)
      return
    }
    if (token.kind === 'word' && REFUSED.has(token.value.toUpperCase()))
      throw new HuntRefused(
        `${token.value.toUpperCase()} has no place in a hunt; quote it with backticks if it is a name`,
        token.at,
      )
    if (isWord(token, 'IN')) {
      this.inList(token)
      return
    }
    const next = this.peek(1)
    const isName = token.kind === 'word' || token.kind === 'quoted'
    if (clause === 'with' && isName && this.common.has(token.value) && isWord(next, 'AS')) {
      this.at++
      this.written.push(` \`${COMMON}${token.value}\``)
      return
    }
    if (isName && isSymbol(next, '(')) this.checkCall(token)
    this.write(token)
  }

  /** The engine takes any word for a name after AS and after a dot. */
  private checkName(token: Token): void {
    const before = this.peek(-1)
    if (token.kind !== 'word' || !(isWord(before, 'AS') || isSymbol(before, '.'))) return
    const word = token.value.toUpperCase()
    if (BEFORE_PARENTHESIS.has(word) || AFTER_TABLE.has(word) || word === 'FROM' || REFUSED.has(word))
      throw new HuntRefused(`quote the name ${token.value} with backticks`, token.at)
  }

  private checkCall({ kind, value, at }: Token): void {
    if (kind === 'word' && BEFORE_PARENTHESIS.has(value.toUpperCase())) return
    // A window may be called as its author likes: its parenthesis follows AS.
    if (!isAllowed(value)) throw new HuntRefused(`the function ${value} is not for hunts`, at)
  }

  /** `IN name` reads a table, so the name must be one that a hunt may read. */
  private inList(token: Token): void {
    this.write(token)
    const next = this.peek()
    if (next === undefined || (next.kind !== 'word' && next.kind !== 'quoted') || isSymbol(this.peek(1), '(')) return
    if (isSymbol(this.peek(1), '.')) throw new HuntRefused('write has(list, value) for a list in a column', next.at)
    this.at++
    this.written.push(` ${this.rowsOf(next)}`)
  }

  private parenthesis(opening: Token): void {
    this.write(opening)
    if (isWord(this.peek(), 'SELECT', 'WITH')) this.select()
    else this.expression()
    const closing = this.peek()
    if (closing === undefined) throw new HuntRefused('a parenthesis is not closed', opening.at)
    this.write(closing)
  }

  /** What stands in parentheses and is no SELECT. */
  private expression(): void {
    this.enter()
    for (let token = this.peek(); token && !isSymbol(token, ')'); token = this.peek()) {
      this.checkName(token)
      if (isWord(token, 'SELECT', 'FROM', 'WITH', 'JOIN', 'UNION', 'INTERSECT', 'EXCEPT'))
        throw new HuntRefused(`${token.value.toUpperCase()} does not belong here`, token.at)
      this.part(token, 'tail')
    }
    this.depth--
  }

  private enter(): void {
    this.depth++
    if (this.depth > MAX_DEPTH) throw new HuntRefused(`parentheses are at most ${MAX_DEPTH} deep`, this.peek()?.at ?? 0)
  }

  private peek(ahead = 0): Token | undefined {
    return this.tokens[this.at + ahead]
  }

  private write(token: Token): void {
    this.at++
    this.written.push(token.joined ? textOf(token) : ` ${textOf(token)}`)
  }
}

/** `name AS (SELECT …` and `name AS (WITH …`, wherever they stand: elsewhere the name is an alias, which harms nothing. */
function commonNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'word' && token.kind !== 'quoted') continue
    if (!isWord(tokens[i + 1], 'AS') || !isSymbol(tokens[i + 2], '(') || !isWord(tokens[i + 3], 'SELECT', 'WITH'))
      continue
    if (READABLE.has(token.value)) throw new HuntRefused(`${token.value} is a view; call it something else`, token.at)
    names.add(token.value)
  }
  return names
}

function textOf({ kind, value }: Token): string {
  if (kind === 'text') return literal(value)
  return kind === 'quoted' ? `\`${value}\`` : value
}

function isWord(token: Token | undefined, ...wanted: readonly string[]): boolean {
  return token?.kind === 'word' && wanted.includes(token.value.toUpperCase())
}

function isSymbol(token: Token | undefined, symbol: string): boolean {
  return token?.kind === 'symbol' && token.value === symbol
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}
