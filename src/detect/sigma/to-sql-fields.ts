import type { Position } from './ast.ts'
import { ADDED_FIELDS } from './belay-fields.ts'
import { RuleError } from './errors.ts'
import { identifier, indented, literal } from './to-sql-text.ts'

/**
 * The columns that the rules of one query read of each event. A field is where the stream looks for it: a column of the
 * table where that says the same, else the event's JSON, by its whole name and then as a path in which a list stands
 * for each of its elements.
 */
export class EventColumns {
  /** columns of the table that others are made of */
  private readonly stored = new Set<string>()
  /** Each layer is a query that reads the one before, so that no expression is written out in another. */
  private readonly layers = LAYERS.map(() => new Map<string, string>())
  private readonly position: Position

  /** `position`: of the rule, for what has no SQL */
  constructor(position: Position) {
    this.position = position
  }

  /** A SELECT of these columns and of all that were asked for; `from` is what follows. */
  select(columns: readonly string[], from: string): string {
    const stored = [...new Set([...columns, ...this.stored])].join(', ')
    return this.layers.reduce((inner, layer) => {
      if (layer.size === 0) return inner
      const made = [...layer].map(([name, sql]) => `${sql} AS ${identifier(name)}`).join(',\n')
      return `SELECT *,\n${indented(made)}\nFROM (\n${indented(inner)}\n)`
    }, `SELECT ${stored}\n${from}`)
  }

  /** 1 where the field is there, whatever it holds. */
  present(field: string): string {
    return `notEmpty(${this.found(field)})`
  }

  /** Array(String): the JSON of every value of the field, lists taken apart; undefined: every scalar of the event. */
  values(field: string | undefined): string {
    if (field === undefined)
      return this.column(
        'values',
        'every value',
        scalarsOf(`concat(JSONExtractRaw(${this.data()}, 'data'), ${this.refs()})`),
      )
    const found = this.found(field)
    if (WHOLE.has(field)) return this.column('values', `${field} values`, scalarsOf(`${found}[1]`))
    return this.column('values', `${field} values`, `arrayFlatten(arrayMap(x -> ${takenApart('x')}, ${found}))`)
  }

  /** Array(String): the texts of its texts, numbers and booleans. */
  texts(field: string | undefined): string {
    const name = `${field ?? 'every value'} texts`
    const stored = this.storedAs(field)
    if (stored !== undefined) return this.column('texts', name, `if(${stored} = '', [], [toString(${stored})])`)
    const scalars = `arrayFilter(x -> x != 'null' AND NOT startsWith(x, '{'), ${this.values(field)})`
    return this.column('texts', name, `arrayMap(x -> ${textOf('x')}, ${scalars})`)
  }

  /** Array(String): the same in lower case, as fold.ts has it. */
  lowered(field: string | undefined): string {
    const name = `${field ?? 'every value'} lower`
    return this.column('lower', name, `arrayMap(x -> replaceAll(lowerUTF8(x), 'ς', 'σ'), ${this.texts(field)})`)
  }

  /** Nullable(String): the text of a field that holds one text, number or boolean; a list or a map is none. */
  scalar(field: string): string {
    const name = `${field} text`
    const stored = this.storedAs(field)
    if (stored !== undefined) return this.column('texts', name, `nullIf(toString(${stored}), '')`)
    const found = this.found(field)
    const one = `${found}[1]`
    const single = `length(${found}) = 1 AND ${one} != 'null' AND NOT match(${one}, '^[{\\[]')${this.unlisted(field)}`
    return this.column('texts', name, `if(${single}, ${textOf(one)}, NULL)`)
  }

  /** Array(String): the JSON of the field, of each element where its path passes through a list; empty: not there. */
  private found(field: string): string {
    const name = `${field} found`
    const stored = this.storedAs(field)
    if (stored !== undefined) return this.column('found', name, `if(${stored} = '', [], [toJSONString(${stored})])`)
    const detector = /^signal\.([a-z0-9-]+)\.strength$/.exec(field)?.[1]
    if (detector !== undefined) return this.column('found', name, this.strengthOf(detector))
    if (ADDED_FIELDS.some((added) => added === field))
      throw new RuleError(this.position, `has no SQL: ${field} is not stored with the event; leave it out for history`)
    const data = this.data()
    const path = field.split('.')
    const walked = path[0] === 'refs' ? walk(data, path, this.refs()) : walk(data, path)
    if (WHOLE.has(field)) return this.column('found', name, walked)
    if (!field.includes('.')) return this.column('found', name, walked)
    const whole = `JSONExtractRaw(${data}, 'data', ${literal(field)})`
    const written = `position(${data}, ${literal(JSON.stringify(field))}) > 0 AND ${whole} != ''`
    return this.column('found', name, `if(${written}, [${whole}], ${walked})`)
  }

  /** A path that passes through a list reads a list, if only of one element. */
  private unlisted(field: string): string {
    const path = field.split('.')
    const maps = OBJECTS.has(path[0] as string) ? 1 : 0
    const prefixes = path.slice(0, -1).map((_, at) => path.slice(0, at + 1))
    const lists = prefixes
      .slice(maps)
      .map((prefix) => `JSONType(${this.data()}, 'data', ${prefix.map(literal).join(', ')}) = 'Array'`)
    if (path.length > 1 && path[0] === 'refs') lists.push(`${this.refs()} != ''`)
    return lists.length === 0 ? '' : ` AND NOT (${lists.join(' OR ')})`
  }

  private strengthOf(detector: string): string {
    for (const name of SIGNALS) this.stored.add(identifier(name))
    const is = `(id, kind) -> id = ${literal(detector)} AND kind = 'detector'`
    const at = `arrayFirstIndex(${is}, \`signal.by\`, \`signal.kind\`)`
    return `if(${at} = 0, [], [toString(\`signal.strength\`[${at}])])`
  }

  /** The column of the table that says what the event says in this field. */
  private storedAs(field: string | undefined): string | undefined {
    const column = field === undefined ? undefined : COLUMNS.get(field)
    if (column !== undefined) this.stored.add(column)
    return column
  }

  private data(): string {
    this.stored.add('event')
    return this.column('data', 'readable event', READABLE)
  }

  /** The JSON of the refs that the event's text leaves out, since columns tell them; else the empty string. */
  private refs(): string {
    for (const name of REFS) this.stored.add(identifier(name))
    const kept = `JSONHas(${this.data()}, 'data', 'refs')`
    return this.column('refs', 'stored refs', `if(empty(\`refs.fp\`) OR ${kept}, '', ${STORED_REFS})`)
  }

  private column(layer: (typeof LAYERS)[number], name: string, sql: string): string {
    this.layers[LAYERS.indexOf(layer)]?.set(name, sql)
    return identifier(name)
  }
}

const LAYERS = ['data', 'refs', 'found', 'values', 'texts', 'lower'] as const

/** Columns that say what the event says: text that is never empty where it is stated. */
const COLUMNS: ReadonlyMap<string, string> = new Map([
  ['tenant', 'tenant'],
  ['op', 'op'],
  ['phase', 'phase'],
  ['call_id', 'call_id'],
  ['agent.id', 'agent_id'],
  ['session.id', 'session_id'],
  ['session.kind', 'session_kind'],
  ['server.id', 'server'],
  ['tool.name', 'tool'],
  ['tool.schema_sha256', 'schema_sha256'],
  ['tool.description_sha256', 'description_sha256'],
  ['args_sha256', 'args_sha256'],
  ['result.status', 'status'],
  ['auth.outcome', 'auth_outcome'],
  ['auth.credential_sha256', 'credential_sha256'],
])

/** Maps that stand for every value in them, as the stream has it. */
const WHOLE: ReadonlySet<string> = new Set(['args', 'tool.input_schema'])

/** Members of `data` that are maps in every valid event. */
const OBJECTS: ReadonlySet<string> = new Set([
  'agent',
  'session',
  'server',
  'tool',
  'args',
  'result',
  'auth',
  'decision',
  'intent',
  'env',
  'trace',
  'ext',
])

/**
 * ClickHouse reads no JSON with half a surrogate pair or an integer beyond 64 bits, and JavaScript writes both: such an
 * event is mended, the integer becoming text, so that nobody hides one by putting either into an argument.
 */
const READABLE = (() => {
  const mended = [
    ['((?:^|[^\\\\])(?:\\\\\\\\)*)\\\\ud[89a-f][0-9a-f]{2}', '\\1\\\\ufffd'],
    ['((?:^|[^\\\\])(?:\\\\\\\\)*)\\\\ud[89a-f][0-9a-f]{2}', '\\1\\\\ufffd'],
    ['([:,\\[])(-?[0-9]{19,})([,}\\]])', '\\1"\\2"\\3'],
    ['([:,\\[])(-?[0-9]{19,})([,}\\]])', '\\1"\\2"\\3'],
  ].reduce((sql, [from = '', to = '']) => `replaceRegexpAll(${sql}, ${literal(from)}, ${literal(to)})`, 'event')
  return `if(JSONHas(event, 'data'), event, ${mended})`
})()

const SIGNALS = ['signal.by', 'signal.kind', 'signal.strength']
const REFS = ['refs.in', 'refs.kind', 'refs.fp', 'refs.untrusted', 'refs.imperative']
const STORED_REFS = `concat('[', arrayStringConcat(arrayMap((place, kind, fp, untrusted, imperative) -> concat(
    '{"in":', toJSONString(place), ',"kind":', toJSONString(kind), ',"fp":', toJSONString(fp),
    if(untrusted, ',"untrusted":true', ''), if(imperative, ',"imperative":true', ''), '}'
), ${REFS.map(identifier).join(', ')}), ','), ']')`

/** `also`: JSON in which the first key of the path has been found already, or the empty string. */
function walk(data: string, path: readonly string[], also?: string): string {
  const direct = path.length > 1 && OBJECTS.has(path[0] as string) ? 2 : 1
  const keys = path.slice(0, direct).map(literal).join(', ')
  return path.slice(direct).reduce(
    (found, key) => {
      const elements = `arrayFlatten(arrayMap(x -> ${takenApart('x')}, ${found}))`
      return there(`arrayMap(x -> JSONExtractRaw(x, ${literal(key)}), ${elements})`)
    },
    there(`[JSONExtractRaw(${data}, 'data', ${keys})${also === undefined ? '' : `, ${also}`}]`),
  )
}

function there(values: string): string {
  return `arrayFilter(x -> x != '', ${values})`
}

/** The elements of a list, those of lists in it included; what is no list is its own element. */
function takenApart(json: string): string {
  const once = `arrayFlatten(arrayMap(y -> if(startsWith(y, '['), JSONExtractArrayRaw(y), [y]), found))`
  const depth = `range(toUInt64(least(countSubstrings(${json}, '['), 64)))`
  return `if(startsWith(${json}, '['), arrayFold((found, at) -> ${once}, ${depth}, [${json}]), [${json}])`
}

/** The text of a scalar's JSON: JavaScript writes a plus into a large exponent. */
function textOf(json: string): string {
  return `if(startsWith(${json}, '"'), JSONExtractString(${json}), replaceRegexpOne(${json}, 'e([0-9])', 'e+\\\\1'))`
}

/** The JSON of every text, number and boolean: the tokens that are no keys. */
function scalarsOf(json: string): string {
  const token = '"(?:[^"\\\\]|\\\\.)*":?|-?[0-9][0-9.eE+-]*|true|false'
  return `arrayFilter(x -> NOT endsWith(x, '":'), extractAll(${json}, ${literal(token)}))`
}
