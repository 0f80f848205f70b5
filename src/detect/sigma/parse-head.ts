import { LEVELS } from '../../model/index.ts'
import type {
  BelayKeys,
  Criticality,
  Head,
  LogSource,
  RuleHead,
  RuleResponse,
  RuleTest,
  Status,
  Suppression,
} from './ast.ts'
import { RuleError } from './errors.ts'
import type { Context } from './parse-context.ts'
import { durationMs, mapOf, oneOf, optionalText, plainOf, required, textOf, texts } from './parse-values.ts'
import { entryOf, type YamlEntry, type YamlMap, type YamlNode } from './yaml.ts'

const STATUSES: readonly Status[] = ['stable', 'test', 'experimental', 'deprecated', 'unsupported']
const CRITICALITIES: readonly Criticality[] = ['informational', 'low', 'medium', 'high', 'critical']
const MAX_TITLE = 256

export function parseHead(map: YamlMap): Head {
  const entry = required(map, 'title', 'say in one line what the rule detects')
  const title = textOf(entry)
  if (title.length > MAX_TITLE) throw new RuleError(entry.position, `\`title\` is longer than ${MAX_TITLE} characters`)
  const id = optionalText(map, 'id')
  const name = optionalText(map, 'name')
  const description = optionalText(map, 'description')
  return {
    position: map.position,
    key: id ?? name ?? title,
    title,
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  }
}

export function parseRuleHead(map: YamlMap, context: Context): RuleHead {
  const status = oneOf(map, 'status', STATUSES)
  const level = oneOf(map, 'level', CRITICALITIES)
  for (const key of ['date', 'modified']) {
    const date = optionalText(map, key)
    if (date !== undefined && !/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/.test(date))
      context.warn(entryOf(map, key)?.position ?? map.position, `\`${key}\` is \`${date}\`; write it as YYYY-MM-DD`)
  }
  return {
    ...parseHead(map),
    ...(status === undefined ? {} : { status }),
    ...(level === undefined ? {} : { level }),
    tags: notes(map, 'tags', context),
    references: notes(map, 'references', context),
    falsePositives: notes(map, 'falsepositives', context),
    belay: context.raw ? { runbook: [], knownGaps: [], tests: [] } : parseBelayKeys(map),
  }
}

/** Texts for people: what is none (`- Word: more` is a map in YAML) is told about, and no reason not to run the rule. */
export function notes(map: YamlMap, key: string, context: Context): readonly string[] {
  const entry = entryOf(map, key)
  const items = entry?.value.kind === 'list' ? entry.value.items : entry ? [entry.value] : []
  return items.flatMap((item) => {
    if (item.kind === 'scalar') return item.value === null ? [] : [item.text]
    context.warn(item.position, `\`${key}\` should be a list of texts; put a text with a colon in quotes`)
    return []
  })
}

const LOGSOURCE_HINT = 'name a category, a product or a service'

export function parseLogSource(map: YamlMap): LogSource {
  const logsource = mapOf(required(map, 'logsource', LOGSOURCE_HINT), LOGSOURCE_HINT)
  const category = optionalText(logsource, 'category')
  const product = optionalText(logsource, 'product')
  const service = optionalText(logsource, 'service')
  return {
    ...(category === undefined ? {} : { category }),
    ...(product === undefined ? {} : { product }),
    ...(service === undefined ? {} : { service }),
  }
}

// --------------------------------------------------------------------------------------- Belay's own keys

function parseBelayKeys(map: YamlMap): BelayKeys {
  const response = entryOf(map, 'response')
  const mode = oneOf(map, 'mode', ['monitor', 'enforce'])
  const suppress = entryOf(map, 'suppress')
  const tests = entryOf(map, 'tests')
  return {
    ...(response ? { response: parseResponse(response) } : {}),
    ...(mode === undefined ? {} : { mode }),
    ...(suppress ? { suppress: parseSuppression(suppress) } : {}),
    runbook: texts(map, 'runbook'),
    knownGaps: texts(map, 'known_gaps'),
    tests: tests ? parseTests(tests) : [],
  }
}

const RESPONSE_HINT = 'write `level: suspend_session` and, if it should end sooner or later than usual, `lease: 1h`'

function parseResponse(entry: YamlEntry): RuleResponse {
  const map = mapOf(entry, RESPONSE_HINT)
  required(map, 'level', RESPONSE_HINT)
  const level = oneOf(map, 'level', LEVELS) ?? 'monitor'
  const lease = entryOf(map, 'lease')
  if (!lease) return { level }
  const leaseMs = durationMs(textOf(lease))
  if (leaseMs === undefined) throw new RuleError(lease.position, '`lease` is a number and s, m, h or d, such as 30m')
  return { level, leaseMs }
}

const SUPPRESS_HINT = 'write `by: [agent.id]`, the fields that make a group, and `for: 1h`'

function parseSuppression(entry: YamlEntry): Suppression {
  const map = mapOf(entry, SUPPRESS_HINT)
  required(map, 'by', SUPPRESS_HINT)
  const by = texts(map, 'by')
  if (by.length === 0) throw new RuleError(entry.position, `\`by\` names no field; ${SUPPRESS_HINT}`)
  const window = required(map, 'for', SUPPRESS_HINT)
  const forMs = durationMs(textOf(window))
  if (forMs === undefined || forMs === 0)
    throw new RuleError(window.position, '`for` is a number and s, m, h or d, such as 1h')
  return { by, forMs }
}

const TESTS_HINT = 'write a list of `name`, `match: true` or `match: false`, and `event` or `events`'

function parseTests(entry: YamlEntry): readonly RuleTest[] {
  if (entry.value.kind !== 'list') throw new RuleError(entry.position, `\`tests\` must be a list; ${TESTS_HINT}`)
  return entry.value.items.map((item) => {
    if (item.kind !== 'map') throw new RuleError(item.position, `a test must be a map; ${TESTS_HINT}`)
    const match = required(item, 'match', TESTS_HINT)
    if (match.value.kind !== 'scalar' || typeof match.value.value !== 'boolean')
      throw new RuleError(match.position, '`match` is true or false')
    return {
      name: textOf(required(item, 'name', TESTS_HINT)),
      matches: match.value.value,
      events: testEvents(item),
      position: item.position,
    }
  })
}

function testEvents(test: YamlMap): readonly Readonly<Record<string, unknown>>[] {
  const one = entryOf(test, 'event')
  const many = entryOf(test, 'events')
  if ((one === undefined) === (many === undefined))
    throw new RuleError(test.position, 'a test has an `event` or a list of `events`')
  const times = repeats(test)
  const nodes: readonly YamlNode[] = one ? [one.value] : many?.value.kind === 'list' ? many.value.items : []
  if (nodes.length === 0) throw new RuleError(test.position, '`events` must be a list of at least one event')
  const events = nodes.map((node) => {
    if (node.kind !== 'map') throw new RuleError(node.position, 'an event is a map of its fields')
    return plainOf(node) as Readonly<Record<string, unknown>>
  })
  return Array.from({ length: times }, (_, n) => events.map((event) => numbered(event, n))).flat()
}

const MOST_REPEATS = 1_000

/** `repeat: 20` writes the events out twenty times. */
function repeats(test: YamlMap): number {
  const entry = entryOf(test, 'repeat')
  if (!entry) return 1
  const times = entry.value.kind === 'scalar' ? entry.value.value : undefined
  if (typeof times === 'number' && Number.isInteger(times) && times >= 1 && times <= MOST_REPEATS) return times
  throw new RuleError(entry.position, `\`repeat\` is how often the events come, 1 to ${MOST_REPEATS}`)
}

/** `{n}` in a text is the number of the repetition, from 0. */
function numbered<T>(value: T, n: number): T {
  if (typeof value === 'string') return value.replaceAll('{n}', String(n)) as T
  if (Array.isArray(value)) return value.map((one) => numbered(one, n)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, numbered(one, n)])) as T
}
