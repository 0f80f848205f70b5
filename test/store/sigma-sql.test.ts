import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { emptyBaseline } from '../../src/baseline/empty.ts'
import { AGENT_EVENTS, type RuleInput } from '../../src/detect/rules.ts'
import { Sessions } from '../../src/detect/session.ts'
import type { DetectionRule, Rule } from '../../src/detect/sigma/ast.ts'
import { Correlator } from '../../src/detect/sigma/correlate.ts'
import { resolveCorrelations } from '../../src/detect/sigma/correlate-resolve.ts'
import { DetectionMatcher } from '../../src/detect/sigma/detection-matcher.ts'
import { RuleError } from '../../src/detect/sigma/errors.ts'
import { fieldReader } from '../../src/detect/sigma/fields.ts'
import { assembleRules, loadRules } from '../../src/detect/sigma/load.ts'
import { toSql } from '../../src/detect/sigma/to-sql.ts'
import type { JudgedSignal, ToolEvent } from '../../src/model/index.ts'
import { eventOf } from '../../src/run/rules-test.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { T0_MS, toolEvent } from '../../src/testing/events.ts'
import { judgedEvent } from '../../src/testing/judged.ts'
import { RETENTION, temporaryDirectory } from './places.ts'

/**
 * Goal: history and the stream say the same of every rule. Method: generated rules and events; the rules run over the
 * events as the stream does, and as SQL in a real engine over the rows that the store wrote of them.
 */
const RUNS = Number(process.env.BELAY_SQL_RUNS ?? 6)
const DAY_MS = 86_400_000

let store: Store
beforeAll(async () => {
  store = await openStore({ kind: 'embedded', directory: temporaryDirectory(), retention: RETENTION })
  await store.migrate()
})
afterAll(() => store.close())

/** An event as rules see it in the stream, with a session that nothing here asks about. */
function seen(event: ToolEvent, signals: RuleInput['signals'] = []): RuleInput {
  const { session } = new Sessions().enter(event)
  return { event, session, baseline: emptyBaseline(event.tenant, session.role), signals }
}

// ------------------------------------------------------------------------------------------------- events

const TEXTS = [
  '',
  'alpha',
  'Alpha Beta',
  'ALPHABET',
  'a*b',
  'a?b\\c',
  'ÄÖ\u2013ü',
  'ΟΔΟΣ',
  '😀 x',
  'line\nbreak "quoted"',
  'para\u2029graph',
  'run -enc /flag \u2014x',
  'cGluZyBhbHBoYQ==',
  '7',
  '007.50',
  '-1e3',
  'true',
  'null',
  '10.1.2.3',
  '010.1.2.3',
  '2001:db8::5',
  '::ffff:10.1.2.3',
  '2026-11-02T10:07:33Z',
  '2027-01-01',
  'it\u2019s; DROP',
  '\ud800 half',
]
const scalarOf = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...TEXTS) },
  fc.constantFrom<unknown>(0, 1, 7, 7.5, -1000, 1e-7, 1e21, 1e20, 123_456_789_012, 1_793_613_600, true, false, null),
)
const valueOf_ = fc.oneof(
  { weight: 4, arbitrary: scalarOf },
  fc.array(scalarOf, { maxLength: 3 }),
  fc.array(fc.array(scalarOf, { maxLength: 2 }), { maxLength: 2 }),
  fc.record(
    { x: scalarOf, y: fc.array(fc.record({ z: scalarOf }, { requiredKeys: [] }), { maxLength: 2 }) },
    { requiredKeys: [] },
  ),
)
const dataOf = fc.record(
  {
    tool: fc.record({ name: fc.constantFrom('read', 'Read_File', 'send', 'ÄÖ\u2013ü') }),
    session: fc.record({ id: fc.constantFrom('s1', 's2') }),
    args: fc.dictionary(fc.constantFrom('a', 'b', 'n', 'user', 'deep', 'a.b', "it's `odd` \\"), valueOf_, {
      maxKeys: 5,
    }),
    intent: fc.record({ text: fc.constantFrom(...TEXTS) }),
    refs: fc.array(
      fc.record({
        in: fc.constantFrom('args', 'result'),
        kind: fc.constantFrom('email', 'URL'),
        fp: fc.constant('ab'.repeat(8)),
      }),
      { maxLength: 2 },
    ),
    'deep.key': scalarOf,
  },
  { requiredKeys: ['tool', 'session', 'args'] },
)
/** In order, with ties: every second step takes no time. */
const eventsOf = fc.array(fc.record({ data: dataOf, afterMs: fc.constantFrom(0, 0, 400, 1000, 3000) }), {
  minLength: 10,
  maxLength: 40,
})

function timed(stream: readonly { readonly data: object; readonly afterMs: number }[], startMs: number): ToolEvent[] {
  let timeMs = startMs
  return stream.map(({ data, afterMs }, position) => {
    timeMs += afterMs
    const accepted = {
      id: `${startMs}-${position}`,
      tenant: 'acme',
      position,
      origin: 'p0',
      timeMs,
      receivedMs: timeMs,
    }
    return toolEvent(data as Parameters<typeof toolEvent>[0], accepted)
  })
}

// -------------------------------------------------------------------------------------------------- rules

const FIELDS = [
  'tool.name',
  'args.a',
  'args.b',
  'args.deep.x',
  'args.deep.y.z',
  'intent.text',
  'refs.kind',
  'deep.key',
  'args.a.b',
  'agent.id',
  'args.gone',
]
const PATTERNS = [
  ...TEXTS.filter((text) => text !== '\ud800 half'),
  'alph*',
  '*beta',
  '?lpha',
  '*ΔΟΣ*',
  'a\\*b',
  'a*?',
  '*',
  '?',
  '??',
  '*-e*/f*',
]
const itemOf = fc.oneof(
  { weight: 4, arbitrary: item([''], fc.constantFrom<unknown>(...PATTERNS, 7, 7.5, -1000, true, false)) },
  {
    weight: 4,
    arbitrary: item(
      ['contains', 'startswith', 'endswith', 'contains|cased', 'windash|contains', 'neq', 'cased', 'contains|neq'],
      fc.constantFrom(...PATTERNS),
    ),
  },
  item(
    ['re', 're|i', 're|m', 're|s', 're|i|m|s'],
    fc.constantFrom(
      '^alpha',
      'beta$',
      'line.break',
      '^break',
      '[ÄÖ]{2}.ü',
      '(al|be)+',
      '\\d+\\.\\d',
      '^.$',
      'a\\?b\\\\c',
    ),
  ),
  item(['cidr'], fc.constantFrom('10.0.0.0/8', '10.1.2.3', '0.0.0.0/0', '2001:db8::/32', '::/0', '10.1.2.0/23')),
  item(['lt', 'lte', 'gt', 'gte'], fc.constantFrom(0, 1, 7, 7.5, -1000, 1e20)),
  item(['exists'], fc.constantFrom(true, false), 1),
  item([''], fc.constant(null), 1),
  item(
    ['fieldref', 'fieldref|startswith', 'fieldref|contains', 'fieldref|neq', 'fieldref|cased'],
    fc.constantFrom(...FIELDS),
    1,
  ),
  item(
    ['hour', 'minute', 'day', 'month', 'year', 'week', 'hour|gte', 'week|lt', 'year|gt'],
    fc.constantFrom(1, 2, 7, 10, 11, 45, 53, 2026),
  ),
  item(['base64offset|contains', 'base64|contains', 'wide|base64offset|contains'], fc.constantFrom('ping', 'alpha')),
)

function item(
  modifiers: readonly string[],
  value: fc.Arbitrary<unknown>,
  most = 3,
): fc.Arbitrary<Record<string, unknown>> {
  return fc
    .record({
      field: fc.constantFrom(...FIELDS),
      modifier: fc.constantFrom(...modifiers),
      all: fc.boolean(),
      values: fc.uniqueArray(value, { minLength: 1, maxLength: most }),
    })
    .map(({ field, modifier, all, values }) => {
      const key = [field, modifier, ...(all && values.length > 1 ? ['all'] : [])]
        .filter((part) => part !== '')
        .join('|')
      return { [key]: values.length === 1 ? values[0] : values }
    })
}

const searchOf = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(itemOf, { minLength: 1, maxLength: 2 }).map((items) => Object.assign({}, ...items)),
  },
  fc.array(itemOf, { minLength: 1, maxLength: 3 }),
  fc.uniqueArray(fc.constantFrom('alpha', 'email', 'quoted', 'ΔΟΣ', 'a\\*b', '0.5', '?lph'), {
    minLength: 1,
    maxLength: 2,
  }),
)
const conditionOf = fc.constantFrom(
  'one',
  'one',
  'not one',
  'one and two',
  'one or two',
  'one and not two',
  '1 of them',
  'all of them',
  'two or not (one and two)',
)
const detectionOf = fc.record({ one: searchOf, two: searchOf, condition: conditionOf })
/** Matches often, so that correlations have something to say. */
const frequentOf = fc
  .constantFrom<object>(
    { 'tool.name': 'read' },
    { 'tool.name|contains': 'e' },
    { 'tool.name|endswith': 'd' },
    { 'args.a': '*' },
  )
  .map((one) => ({ one, condition: 'one' }))

const correlatedOf = fc.record({
  type: fc.constantFrom(
    'event_count',
    'value_count',
    'value_sum',
    'value_avg',
    'value_percentile',
    'temporal',
    'temporal_ordered',
  ),
  rules: fc.shuffledSubarray(['r0', 'r1', 'r2', 'r3'], { minLength: 1 }),
  'group-by': fc.constantFrom(['session.id'], ['args.user'], ['who'], [], ['session.id', 'tool.name'], ['refs.kind']),
  timespan: fc.constantFrom('1s', '5s', '20d'),
  operator: fc.constantFrom('gte', 'gt', 'lte', 'eq', 'neq', 'lt'),
  value: fc.constantFrom(1, 2, 3, 7, 50),
  field: fc.constantFrom<unknown>('args.n', 'args.a', ['tool.name', 'args.a'], 'refs.kind'),
  percentile: fc.constantFrom(undefined, 50, 95),
  any: fc.boolean(),
})

type Correlated = typeof correlatedOf extends fc.Arbitrary<infer T> ? T : never

/** The YAML's content: JSON is YAML. */
function correlationOf(name: string, inner: string | undefined, made: Correlated): object {
  const { type, rules, timespan, operator, value, percentile, any } = made
  const temporal = type.startsWith('temporal')
  const field = Array.isArray(made.field) && type !== 'value_count' ? made.field[0] : made.field
  const condition = {
    [operator]: type === 'value_avg' ? 7.25 : value,
    ...(type.startsWith('value') ? { field } : {}),
    ...(type === 'value_percentile' && percentile !== undefined ? { percentile } : {}),
  }
  // SQL has no order that fewer than all rules make.
  const free = type === 'temporal' && any
  return {
    title: name,
    name,
    correlation: {
      type,
      rules: inner === undefined ? rules : [inner, ...rules],
      'group-by': made['group-by'],
      timespan,
      aliases: { who: { r0: 'session.id', r1: 'args.user', r2: 'args.a' } },
      ...(temporal && !free ? {} : { condition }),
    },
  }
}

const ruleFileOf = fc
  .record({
    detections: fc.tuple(frequentOf, frequentOf, detectionOf, detectionOf),
    filter: fc.option(searchOf),
    correlations: fc.array(correlatedOf, { minLength: 2, maxLength: 4 }),
  })
  .map(({ detections, filter, correlations }) => [
    ...detections.map((detection, index) => ({ title: `r${index}`, name: `r${index}`, logsource: {}, detection })),
    ...(filter === null
      ? []
      : [{ title: 'except', logsource: {}, filter: { rules: ['r1', 'r2'], except: filter, condition: 'except' } }]),
    ...correlations.map((made, index) => correlationOf(`c${index}`, index === 1 ? 'c0' : undefined, made)),
  ])

// ---------------------------------------------------------------------------------------------- the two ways

type Matches = ReadonlyMap<Rule, readonly string[]>

function streamed(rules: readonly Rule[], inputs: readonly RuleInput[]): Matches {
  const { correlations } = resolveCorrelations(rules)
  const detections = rules.filter((rule): rule is DetectionRule => rule.kind === 'detection')
  const matcher = new DetectionMatcher(detections, AGENT_EVENTS)
  const scopeOf = ({ event }: RuleInput): string => event.tenant
  const correlator = new Correlator(correlations, fieldReader(AGENT_EVENTS), { scopeOf })
  const found = new Map<Rule, string[]>(rules.map((rule) => [rule, []]))
  for (const input of inputs) {
    const matched = matcher.match(input)
    for (const rule of [...matched, ...correlator.fold(input, matched)]) found.get(rule)?.push(input.event.id)
  }
  return found
}

async function queried(rules: readonly Rule[], rule: Rule, startMs: number): Promise<readonly string[]> {
  const clock = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
  const bounds = { from: clock(startMs), to: clock(startMs + DAY_MS / 2) }
  const sql = toSql(rule, resolveCorrelations(rules).correlations)
  return (await store.query<{ readonly event_id: string }>(sql, bounds)).map(({ event_id }) => event_id)
}

let run = 0
test('a rule matches the same events in the stream and in SQL', async () => {
  await fc.assert(
    fc.asyncProperty(ruleFileOf, eventsOf, async (documents, stream) => {
      const text = documents.map((document) => JSON.stringify(document)).join('\n---\n')
      const { rules } = assembleRules([{ path: 'made.yml', bytes: new TextEncoder().encode(text) }], { raw: true })
      // Long windows must not see the events of other runs, nor of the cases below.
      const startMs = T0_MS + 40 * DAY_MS * ++run
      const events = timed(stream, startMs)
      await store.write(
        events.map((event) => judgedEvent(event)),
        [],
      )
      const expected = streamed(
        rules,
        events.map((event) => seen(event)),
      )
      for (const rule of rules)
        expect({ rule: rule.key, text, matches: await queried(rules, rule, startMs) }).toEqual({
          rule: rule.key,
          text,
          matches: expected.get(rule),
        })
    }),
    { numRuns: RUNS },
  )
}, 600_000)

test('the rules that come with Belay match the events of all their cases in both ways, or say that SQL cannot', async () => {
  const { rules } = await loadRules([join(import.meta.dirname, '../../rules')])
  const cases = rules.flatMap(({ belay }) => belay.tests)
  const inputs = cases.flatMap(({ events }, number) =>
    events.map((written, at) => {
      const { event, signals } = eventOf(written, at)
      if (typeof event === 'string') throw new Error(event)
      return seen({ ...event, id: `${number}-${at}`, tenant: `case-${number}` }, signals)
    }),
  )
  const timesMs = inputs.map(({ event }) => event.timeMs)
  const startMs = Math.min(...timesMs)
  expect(Math.max(...timesMs)).toBeLessThan(startMs + DAY_MS / 2)
  await store.write(
    inputs.map(({ event, signals }) => judgedEvent(event, { signals: signals.map(judgedSignal) })),
    [],
  )
  const expected = streamed(rules, inputs)
  const refused: string[] = []
  for (const rule of rules) {
    try {
      const matches = [...(await queried(rules, rule, startMs))].sort()
      expect({ rule: rule.key, matches }).toEqual({ rule: rule.key, matches: [...(expected.get(rule) ?? [])].sort() })
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      refused.push(error.message)
    }
  }
  for (const message of refused) expect(message).toMatch(/^has no SQL: \S+ is not stored with the event/)
  expect(refused.length).toBeLessThan(rules.length / 5)
}, 300_000)

function judgedSignal({ source, signal }: RuleInput['signals'][number]): JudgedSignal {
  return { by: { kind: source.kind, id: source.id }, ...signal, tail: 0.01, evidence: 1 }
}
