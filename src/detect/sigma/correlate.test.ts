import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Alias, Correlation, CorrelationRule, CountTest, DetectionRule, Rule } from './ast.ts'
import { Correlator, type CorrelatorOptions } from './correlate.ts'
import { holds, testsOf } from './correlate-conditions.ts'
import { resolveCorrelations } from './correlate-resolve.ts'
import type { FieldReader } from './fields.ts'

/** An event of these tests: when, which detection rules match it, and its fields. */
interface Event {
  readonly atMs: number | undefined
  readonly rules: readonly string[]
  readonly [field: string]: unknown
}

const SECOND_MS = 1000
const position = { file: 'test.yml', line: 1 }
const head = {
  position,
  tags: [],
  references: [],
  falsePositives: [],
  belay: { runbook: [], knownGaps: [], tests: [] },
}

const reader: FieldReader<Event> = {
  field: (name) => (event) => event[name],
  some: () => false,
  timeMs: ({ atMs }) => atMs,
}

function detection(name: string): DetectionRule {
  const condition = { kind: 'and', of: [] } as const
  return { ...head, kind: 'detection', key: name, title: name, name, logsource: {}, fields: [], condition }
}

interface Said {
  readonly rules: readonly string[]
  readonly groupBy?: readonly string[]
  readonly aliases?: readonly Alias[]
  readonly seconds?: number
  readonly condition?: readonly CountTest[]
  readonly fields?: readonly string[]
  readonly percentile?: number
  readonly generate?: boolean
}

function correlation(name: string, type: Correlation['type'], said: Said): CorrelationRule {
  const { rules, groupBy = ['user'], aliases = [], seconds = 10, condition = [], generate = false, ...rest } = said
  const references = rules.map((reference) => ({ reference, position }))
  const body = { type, rules: references, groupBy, aliases, timespanMs: seconds * SECOND_MS, condition, ...rest }
  return { ...head, kind: 'correlation', key: name, title: name, name, generate, correlation: body as Correlation }
}

/** Which correlations match at which event, as `index:key`. */
function matchesOf(
  correlations: readonly CorrelationRule[],
  events: readonly Event[],
  options?: CorrelatorOptions<Event>,
): readonly string[] {
  const detections = new Map(['a', 'b', 'c', 'd'].map((name) => [name, detection(name)]))
  const { correlations: resolved, failed } = resolveCorrelations([...detections.values(), ...correlations])
  expect(failed).toEqual([])
  const correlator = new Correlator(resolved, reader, options)
  return events.flatMap((event, index) => {
    const matched = event.rules.map((name) => detections.get(name) as Rule)
    return correlator.fold(event, matched).map(({ key }) => `${index}:${key}`)
  })
}

/** `a@3` is an event of rule a at second 3; `ab@3` one that both match; fields are the same for all. */
function sequence(text: string, fields: Readonly<Record<string, unknown>> = { user: 'ann' }): readonly Event[] {
  return text.split(' ').map((word) => {
    const [rules = '', at = ''] = word.split('@')
    return { atMs: Number(at) * SECOND_MS, rules: rules.split(''), ...fields }
  })
}

const gte = (value: number): readonly CountTest[] => [{ operator: 'gte', value }]

test('event_count matches at each event for which the last timespan holds enough, both ends included', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(3) })
  expect(matchesOf([rule], sequence('a@0 a@5 a@10 a@11 a@16 b@17 a@30'))).toEqual(['2:many', '3:many', '4:many'])
  expect(matchesOf([rule], sequence('a@0 a@5 a@10.001'))).toEqual([])
})

test('a range needs both of its ends', () => {
  const condition: readonly CountTest[] = [
    { operator: 'gt', value: 1 },
    { operator: 'lte', value: 2 },
  ]
  const rule = correlation('some', 'event_count', { rules: ['a'], condition })
  expect(matchesOf([rule], sequence('a@0 a@1 a@2 a@3'))).toEqual(['1:some'])
})

test('an event that two of its rules match is counted once', () => {
  const rule = correlation('many', 'event_count', { rules: ['a', 'b'], condition: gte(2) })
  expect(matchesOf([rule], sequence('ab@0'))).toEqual([])
  expect(matchesOf([rule], sequence('a@0 b@1'))).toEqual(['1:many'])
})

test('groups are separate; an event without a value to group by takes no part', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(2) })
  const events = [{ user: 'ann' }, { user: 'bob' }, {}, { user: null }, { user: ['ann'] }, { user: 7 }, { user: '7' }]
  const numbered = events.map((fields, index) => ({ atMs: index, rules: ['a'], ...fields }))
  expect(matchesOf([rule], numbered)).toEqual(['6:many'])
})

test('several fields group together; no field makes one group', () => {
  const both = correlation('both', 'event_count', { rules: ['a'], groupBy: ['user', 'host'], condition: gte(2) })
  const all = correlation('all', 'event_count', { rules: ['a'], groupBy: [], condition: gte(3) })
  const events = [
    { user: 'ann', host: 'x' },
    { user: 'ann', host: 'y' },
    { user: 'ann', host: 'x' },
  ].map((fields, index) => ({ atMs: index, rules: ['a'], ...fields }))
  expect(matchesOf([both, all], events)).toEqual(['2:both', '2:all'])
})

test('scopes never meet', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(2) })
  const events = ['x', 'y', 'x'].map((tenant, index) => ({ atMs: index, rules: ['a'], user: 'ann', tenant }))
  expect(matchesOf([rule], events, { scopeOf: ({ tenant }) => String(tenant) })).toEqual(['2:many'])
})

test('value_count counts distinct values, of several fields their combinations', () => {
  const one = correlation('one', 'value_count', { rules: ['a'], fields: ['host'], condition: gte(2) })
  const two = correlation('two', 'value_count', { rules: ['a'], fields: ['host', 'port'], condition: gte(2) })
  const events = [{ host: 'x', port: 1 }, { host: 'x', port: 2 }, { host: 'y' }].map((fields, index) => ({
    atMs: index,
    rules: ['a'],
    user: 'ann',
    ...fields,
  }))
  expect(matchesOf([one, two], events)).toEqual(['1:two', '2:one'])
})

const bytes = (values: readonly unknown[]) =>
  values.map((value, index) => ({ atMs: index * SECOND_MS, rules: ['a'], user: 'ann', bytes: value }))

test('value_sum adds numbers and text that reads as one; anything else takes no part', () => {
  const rule = correlation('sum', 'value_sum', { rules: ['a'], fields: ['bytes'], condition: gte(100) })
  expect(matchesOf([rule], bytes([60, '40', 'x', undefined, '1e400', 0]))).toEqual(['1:sum', '5:sum'])
  expect(matchesOf([rule], bytes([100, ...Array<number>(11).fill(0), 99.5, 0.5]))).toEqual([
    '0:sum',
    ...Array.from({ length: 10 }, (_, index) => `${index + 1}:sum`),
    '13:sum',
  ])
})

test('value_avg is the mean of the window', () => {
  const condition: readonly CountTest[] = [{ operator: 'gt', value: 10 }]
  const rule = correlation('mean', 'value_avg', { rules: ['a'], fields: ['bytes'], condition })
  expect(matchesOf([rule], bytes([10, 12, 2]))).toEqual(['1:mean'])
})

test('value_percentile with a percentile is the value there, interpolated', () => {
  const said = { rules: ['a'], fields: ['bytes'], percentile: 75 }
  const rule = correlation('p75', 'value_percentile', { ...said, condition: [{ operator: 'eq', value: 3.25 }] })
  expect(matchesOf([rule], bytes([1, 2, 3, 4]))).toEqual(['3:p75'])
})

test('value_percentile without one is how many percent of the values are the value of the event', () => {
  const condition: readonly CountTest[] = [{ operator: 'lte', value: 25 }]
  const rule = correlation('rare', 'value_percentile', { rules: ['a'], fields: ['bytes'], condition })
  expect(matchesOf([rule], bytes(['sh', 'sh', 'sh', 'nc', 'nc']))).toEqual(['3:rare'])
})

test('temporal needs all of its rules, in any order, one event may be several', () => {
  const rule = correlation('near', 'temporal', { rules: ['a', 'b', 'c'] })
  expect(matchesOf([rule], sequence('b@0 c@1 a@2 d@3 a@10 a@11'))).toEqual(['2:near', '4:near'])
  expect(matchesOf([rule], sequence('ac@0 b@1'))).toEqual(['1:near'])
})

test('temporal with a condition counts different rules', () => {
  const rule = correlation('near', 'temporal', { rules: ['a', 'b', 'c'], condition: gte(2) })
  expect(matchesOf([rule], sequence('a@0 a@1 c@2'))).toEqual(['2:near'])
})

test('temporal_ordered needs the order of its rules, each an event of its own', () => {
  const rule = correlation('then', 'temporal_ordered', { rules: ['a', 'b'] })
  expect(matchesOf([rule], sequence('b@0 a@1 b@2 d@3 b@11 b@12'))).toEqual(['2:then', '4:then'])
  expect(matchesOf([rule], sequence('ab@0'))).toEqual([])
  expect(matchesOf([rule], sequence('ab@0 ab@1'))).toEqual(['1:then'])
})

test('events of one time are in the order in which they came', () => {
  const rule = correlation('then', 'temporal_ordered', { rules: ['a', 'b'] })
  expect(matchesOf([rule], sequence('a@5 b@5'))).toEqual(['1:then'])
  expect(matchesOf([rule], sequence('b@5 a@5'))).toEqual([])
})

test('temporal_ordered with a condition counts the rules seen in their order', () => {
  const rule = correlation('then', 'temporal_ordered', { rules: ['a', 'b', 'c'], condition: gte(2) })
  expect(matchesOf([rule], sequence('a@0 c@1'))).toEqual(['1:then'])
  expect(matchesOf([rule], sequence('c@0 b@1 a@2'))).toEqual([])
})

test('a late event stands where its time says, and is judged when it comes', () => {
  const rule = correlation('then', 'temporal_ordered', { rules: ['a', 'b', 'c'] })
  expect(matchesOf([rule], sequence('a@1 c@3 b@2'))).toEqual(['2:then'])
  expect(matchesOf([rule], sequence('b@2 c@3 a@4'))).toEqual([])
})

test('an event later than the timespan takes no part', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(2) })
  expect(matchesOf([rule], sequence('a@20 a@10'))).toEqual(['1:many'])
  expect(matchesOf([rule], sequence('a@20 a@9.999 a@30'))).toEqual(['2:many'])
})

test('an event without a time takes no part', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(1) })
  expect(matchesOf([rule], [{ atMs: undefined, rules: ['a'], user: 'ann' }])).toEqual([])
})

test('an alias names the field of each rule', () => {
  const aliases = [
    {
      name: 'address',
      fields: [
        { rule: 'a', field: 'source' },
        { rule: 'b', field: 'target' },
      ],
    },
  ]
  const rule = correlation('pivot', 'temporal', { rules: ['a', 'b'], groupBy: ['address'], aliases })
  const events = [
    { rules: ['a'], source: '10.0.0.1', target: '10.0.0.2' },
    { rules: ['b'], source: '10.0.0.1', target: '10.0.0.3' },
    { rules: ['b'], source: '10.0.0.9', target: '10.0.0.1' },
  ].map((fields, index) => ({ atMs: index, ...fields }))
  expect(matchesOf([rule], events)).toEqual(['2:pivot'])
})

test('a correlation of correlations groups by its own fields of the event that completed the inner one', () => {
  const many = correlation('many', 'event_count', { rules: ['a'], groupBy: ['host'], condition: gte(2) })
  const then = correlation('then', 'temporal_ordered', { rules: ['many', 'b'], groupBy: ['user'] })
  const events = [
    { rules: ['a'], host: 'x', user: 'ann' },
    { rules: ['a'], host: 'x', user: 'bob' },
    { rules: ['b'], host: 'y', user: 'ann' },
    { rules: ['b'], host: 'y', user: 'bob' },
  ].map((fields, index) => ({ atMs: index, ...fields }))
  // The order in the file does not matter.
  expect(matchesOf([then, many], events)).toEqual(['1:many', '3:then'])
})

test('rules that only correlations refer to are silent unless one says generate', () => {
  const [a, b] = [detection('a'), detection('b')]
  const quiet = correlation('quiet', 'temporal', { rules: ['a', 'b'] })
  const loud = correlation('loud', 'event_count', { rules: ['b'], condition: gte(2), generate: true })
  expect([...resolveCorrelations([a, b, quiet, loud]).silent]).toEqual([a])
})

test('what cannot run says why, and takes those with it that refer to it', () => {
  const rules = [
    detection('a'),
    correlation('lost', 'temporal', { rules: ['a', 'gone'] }),
    correlation('upon', 'temporal', { rules: ['a', 'lost'] }),
    correlation('ring', 'temporal', { rules: ['a', 'again'] }),
    correlation('again', 'temporal', { rules: ['ring', 'a'] }),
    correlation('huge', 'event_count', { rules: ['a'], condition: gte(1e9) }),
    correlation('share', 'value_percentile', { rules: ['a'], fields: ['bytes'], condition: gte(500) }),
    correlation('fine', 'event_count', { rules: ['a'], condition: gte(2) }),
  ]
  const { correlations, failed } = resolveCorrelations(rules)
  expect(correlations.map(({ rule }) => rule.key)).toEqual(['fine'])
  expect(failed.map(({ message }) => message)).toEqual([
    'refers to gone, which is not loaded: give the id or the name of a rule',
    'refers to lost, which is not loaded: give the id or the name of a rule',
    'refers to itself: ring -> again -> ring',
    'refers to again, which is not loaded: give the id or the name of a rule',
    'counts to more than 100000: lower the number or narrow the group-by',
    'compares a percentage with more than 100: to compare the value at a percentile, add `percentile: 95`',
  ])
})

test('the group that had no event for the longest goes when there are too many', () => {
  const rule = correlation('many', 'event_count', { rules: ['a'], condition: gte(2) })
  const events = ['ann', 'bob', 'ann', 'cy', 'bob', 'ann'].map((user, atMs) => ({ atMs, rules: ['a'], user }))
  expect(matchesOf([rule], events, { maxGroups: 2 })).toEqual(['2:many'])
})

// ------------------------------------------------------------------------------ held to the definition

const eventsOf = fc.array(
  fc.record({
    // Ties, late events and events that are too late are all likely.
    atMs: fc.integer({ min: 0, max: 40 }),
    rules: fc.subarray(['a', 'b', 'c', 'd']),
    user: fc.constantFrom('ann', 'bob'),
    bytes: fc.constantFrom(0, 1, 2, 5, 7.5, '5', 'x'),
  }),
  { maxLength: 60 },
)
const conditionOf = fc.array(
  fc.record({
    operator: fc.constantFrom('lt', 'lte', 'gt', 'gte', 'eq', 'neq'),
    value: fc.integer({ max: 6, min: 0 }),
  }),
  { minLength: 1, maxLength: 2 },
) as fc.Arbitrary<readonly CountTest[]>
const rulesOf = fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 })
const correlationsOf = fc.oneof(
  ...(['event_count', 'value_count', 'value_sum', 'value_avg', 'value_percentile'] as const).map((type) =>
    fc.record({ rules: rulesOf, condition: conditionOf, seconds: fc.constantFrom(0.005, 0.01) }).map((said) => {
      const value = type === 'event_count' ? {} : { fields: ['bytes'] }
      return correlation('it', type, { ...said, ...value })
    }),
  ),
  fc
    .record({ rules: rulesOf, condition: conditionOf, percentile: fc.constantFrom(0, 50, 90, 100) })
    .map((said) => correlation('it', 'value_percentile', { ...said, seconds: 0.01, fields: ['bytes'] })),
  ...(['temporal', 'temporal_ordered'] as const).map((type) =>
    fc
      .record({ rules: rulesOf, condition: fc.oneof(fc.constant([]), conditionOf) })
      .map((said) => correlation('it', type, { ...said, seconds: 0.01 })),
  ),
)

test('every correlation is what its definition says, with ties and late events', () => {
  fc.assert(
    fc.property(correlationsOf, eventsOf, (rule, events) => {
      expect(matchesOf([rule], events)).toEqual(defined(rule, events))
    }),
    { numRuns: 1000 },
  )
})

test('an event that is folded again changes nothing, and is answered as the first time', () => {
  const identityOf = ({ number }: Event): number => Number(number)
  fc.assert(
    fc.property(correlationsOf, eventsOf, fc.infiniteStream(fc.nat(3)), (rule, events, again) => {
      const numbered = events.map((event, index) => ({ ...event, number: index + 1 }))
      const once = matchesOf([rule], numbered, { identityOf })
      // After each event, up to three of those before it come again.
      const told = numbered.flatMap((event, index) => {
        const repeated = [...again.take(again.next().value ?? 0)].map((back) => numbered[index - back])
        return [event, ...repeated.filter((one) => one !== undefined)]
      })
      const first = told.map((event, index) => told.indexOf(event) === index)
      const matched = matchesOf([rule], told, { identityOf }).map((match) => Number(match.split(':')[0]))
      const numbers = matched.filter((index) => first[index]).map((index) => Number(told[index]?.number) - 1)
      expect(numbers.map((index) => `${index}:it`)).toEqual(once)
      const answers = new Set(numbers)
      expect(matched).toEqual([...told.keys()].filter((index) => answers.has(Number(told[index]?.number) - 1)))
    }),
    { numRuns: 500 },
  )
})

/** The documented meaning, read off the events one by one: slow, and with nothing kept. */
function defined({ correlation }: CorrelationRule, events: readonly Event[]): readonly string[] {
  const steps = correlation.rules.map(({ reference }) => reference)
  const numeric = ['value_sum', 'value_avg'].includes(correlation.type) || 'percentile' in correlation
  const part = (event: Event) =>
    event.rules.some((rule) => steps.includes(rule)) &&
    (!('fields' in correlation) || !numeric || Number.isFinite(Number(event.bytes)))
  const found: string[] = []
  for (const [index, event] of events.entries()) {
    if (!part(event)) continue
    const past = events.slice(0, index + 1).filter((one) => part(one) && one.user === event.user)
    const newestMs = Math.max(...past.map(({ atMs }) => atMs as number))
    const inWindow = ({ atMs }: Event) => (atMs as number) >= newestMs - correlation.timespanMs
    if (!inWindow(event)) continue
    const window = past.filter(inWindow).sort((one, other) => (one.atMs as number) - (other.atMs as number))
    if (holds(testsOf(correlation), countOf(correlation, steps, window, event))) found.push(`${index}:it`)
  }
  return found
}

function countOf(correlation: Correlation, steps: readonly string[], window: readonly Event[], event: Event): number {
  const numbers = window.map(({ bytes }) => Number(bytes)).sort((one, other) => one - other)
  switch (correlation.type) {
    case 'event_count':
      return window.length
    case 'value_count':
      return new Set(window.map(({ bytes }) => String(bytes))).size
    case 'value_sum':
      return numbers.reduce((sum, value) => sum + value, 0)
    case 'value_avg':
      return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
    case 'value_percentile': {
      if (correlation.percentile === undefined)
        return (100 * window.filter(({ bytes }) => String(bytes) === String(event.bytes)).length) / window.length
      const rank = (correlation.percentile / 100) * (numbers.length - 1)
      const [low, high] = [numbers[Math.floor(rank)] as number, numbers[Math.ceil(rank)] as number]
      return low + (rank - Math.floor(rank)) * (high - low)
    }
    case 'temporal':
      return steps.filter((step) => window.some(({ rules }) => rules.includes(step))).length
    case 'temporal_ordered':
      return longest(steps, window)
  }
}

/** Most of `steps` that can be taken in order, each by a later event than the one before. */
function longest(steps: readonly string[], window: readonly Event[]): number {
  let most = 0
  for (const [step, name] of steps.entries())
    for (const [index, { rules }] of window.entries())
      if (rules.includes(name)) most = Math.max(most, 1 + longest(steps.slice(step + 1), window.slice(index + 1)))
  return most
}
