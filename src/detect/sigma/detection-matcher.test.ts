import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DetectionRule } from './ast.ts'
import { compile } from './compile.ts'
import { DetectionMatcher } from './detection-matcher.ts'
import { EventView, FieldSlots } from './event-view.ts'
import { fieldReader, flattened, RAW_EVENTS } from './fields.ts'
import { parsePattern } from './pattern.ts'
import { ruleOf, rulesIn } from './test-rules.ts'
import { textTest } from './text-test.ts'

const FIELDS = ['A', 'B', 'a.b', 'a.c', 'n']
const TEXTS = ['x', 'ab', 'abc', 'abcd', 'cmd.exe', '-opt', '/opt', 'Cmd.EXE -opt abcd', '12', 'Ω', 'line\nabcd', '']
const anyText = fc.constantFrom(...TEXTS)

const modified = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      '',
      '|contains',
      '|startswith',
      '|endswith',
      '|contains|all',
      '|windash',
      '|cased',
      '|contains|neq',
    ),
    fc.array(fc.oneof(anyText, fc.constantFrom('a*d', '?b', '*', 'cm*-*')), { minLength: 2, maxLength: 3 }),
  ),
  fc.tuple(fc.constantFrom('|gt', '|lte', ''), fc.array(fc.constantFrom(1, 12, 3.5), { minLength: 1, maxLength: 2 })),
  fc.tuple(
    fc.constantFrom('|re', '|re|i'),
    fc.array(fc.constantFrom('ab+c', 'cmd\\.', '(x|ab)', 'OPT$', '^$'), { minLength: 1 }),
  ),
  fc.tuple(fc.constant('|exists'), fc.constantFrom([true], [false])),
  fc.tuple(fc.constant(''), fc.constant([null])),
  fc.tuple(
    fc.constantFrom('|fieldref', '|fieldref|contains'),
    fc.array(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 1 }),
  ),
)
const search = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.uniqueArray(fc.tuple(fc.constantFrom(...FIELDS), modified), {
      minLength: 1,
      maxLength: 3,
      selector: ([field]) => field,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.array(
      anyText.filter((text) => text !== ''),
      { minLength: 1, maxLength: 2 },
    ),
  },
)
const CONDITIONS = [
  's1',
  's1 and not s2',
  's1 or s2 and s3',
  '2 of s*',
  'not (s1 and s2)',
  'all of s*',
  '1 of s* and not s3',
]
const rule = fc.record({ searches: fc.tuple(search, search, search), condition: fc.constantFrom(...CONDITIONS) })

const value = fc.oneof(anyText, fc.constantFrom(1, 12, 3.5, true, null), fc.array(anyText, { maxLength: 2 }))
const event = fc.dictionary(
  fc.constantFrom('A', 'B', 'a', 'a.b', 'n', 'other'),
  fc.oneof(
    value,
    fc.dictionary(fc.constantFrom('b', 'c'), value),
    fc.array(fc.dictionary(fc.constantFrom('b', 'c'), value), { maxLength: 2 }),
  ),
)

function written({ searches, condition }: { searches: readonly unknown[]; condition: string }, number: number): string {
  const detection: Record<string, unknown> = { condition }
  for (const [at, one] of (searches as readonly (readonly unknown[])[]).entries())
    detection[`s${at + 1}`] = Array.isArray(one[0])
      ? Object.fromEntries(
          (one as [string, [string, unknown[]]][]).map(([field, [modifiers, values]]) => [
            field + modifiers,
            values.length === 1 ? values[0] : values,
          ]),
        )
      : one
  return JSON.stringify({ title: `Rule ${number}`, logsource: { product: 'x' }, detection })
}

/** Every rule on every event, fields read one by one: what the index must not change. */
function matchedWithoutIndex(rules: readonly DetectionRule[], json: unknown): readonly DetectionRule[] {
  const slots = new FieldSlots()
  const tests = rules.map((one) => compile(one.condition, slots))
  const view = new EventView(slots.names.length)
  view.begin(json)
  const reader = fieldReader(RAW_EVENTS)
  for (const [slot, name] of slots.names.entries()) view.values[slot] = flattened(reader.field(name)(json))
  return rules.filter((_, number) => tests[number]?.(view))
}

describe('DetectionMatcher', () => {
  it('finds exactly the rules that a look at each of them finds', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { minLength: 1, maxLength: 12 }),
        fc.array(event, { minLength: 1, maxLength: 6 }),
        (rules, events) => {
          const loaded = rulesIn(rules.map(written).join('\n---\n')) as readonly DetectionRule[]
          const matcher = new DetectionMatcher(loaded, RAW_EVENTS)
          for (const one of events) {
            const keys = matcher.match(one).map(({ key }) => key)
            expect(keys).toEqual(matchedWithoutIndex(loaded, one).map(({ key }) => key))
          }
        },
      ),
      { numRuns: 150 },
    )
  }, 120_000)

  it('keeps nothing from one event to the next', () => {
    const matcher = new DetectionMatcher(
      rulesIn(ruleOf('s: {A: 1, a.b: 2}\ncondition: s')) as readonly DetectionRule[],
      RAW_EVENTS,
    )
    expect(matcher.match({ A: 1 })).toEqual([])
    expect(matcher.match({ a: { b: 2 } })).toEqual([])
    expect(matcher.match({ A: 1, a: { b: 2 } })).toHaveLength(1)
    expect(matcher.match({})).toEqual([])
  })

  it('looks into nested lists, and is not overrun by thousands of levels', () => {
    const rules = rulesIn(ruleOf('s:\n    A: x\n    a.b: x\ncondition: s')) as readonly DetectionRule[]
    const matcher = new DetectionMatcher(rules, RAW_EVENTS)
    const nested = (depth: number, value: unknown): unknown =>
      JSON.parse(`${'['.repeat(depth)}${JSON.stringify(value)}${']'.repeat(depth)}`)
    expect(matcher.match({ A: nested(20, 'x'), a: nested(20, { b: nested(20, 'x') }) })).toHaveLength(1)
    expect(matcher.match({ A: nested(50_000, 'x'), a: nested(50_000, { b: 'x' }) })).toEqual([])
    expect(fieldReader(RAW_EVENTS).field('a.b')({ a: nested(50_000, { b: 'x' }) })).toBeUndefined()
  })

  it('collects the values of a long list once', () => {
    const rules = rulesIn(ruleOf('s:\n    a.b: x\ncondition: s')) as readonly DetectionRule[]
    const event = { a: [...Array.from({ length: 100_000 }, () => ({ b: ['y'] })), { b: 'x' }] }
    const before = process.cpuUsage()
    expect(new DetectionMatcher(rules, RAW_EVENTS).match(event)).toHaveLength(1)
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000)
    expect(event.a[0]).toEqual({ b: ['y'] })
  })

  it('reads what is no object as an event without fields', () => {
    const matcher = new DetectionMatcher(
      rulesIn(ruleOf('s: {A: null}\ncondition: s')) as readonly DetectionRule[],
      RAW_EVENTS,
    )
    for (const json of [null, 5, 'text', [], undefined]) expect(matcher.match(json)).toHaveLength(1)
  })
})

describe('patterns', () => {
  it('match as the same pattern written as a regular expression does', () => {
    const part = fc.constantFrom('a', 'b', 'ab', '*', '?', '\\*', '\\?', '\\\\', '\u{1F600}', '.')
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '\\', '.', '\u{1F600}', '\n'), maxLength: 10 }),
        (parts, text) => {
          const pattern = parsePattern(parts.join(''))
          const regex = pattern
            .map((one) =>
              'literal' in one
                ? one.literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
                : one.wildcard === 'many'
                  ? '.*'
                  : '.',
            )
            .join('')
          const test = textTest({ kind: 'text', pattern, cased: true, anyDash: false })
          expect([parts.join(''), text, test(text)]).toEqual([
            parts.join(''),
            text,
            new RegExp(`^(?:${regex})$`, 'su').test(text),
          ])
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('of many wildcards take linear time', () => {
    const test = textTest({ kind: 'text', pattern: parsePattern(`${'*a'.repeat(200)}*b`), cased: true, anyDash: false })
    const before = process.cpuUsage()
    expect(test('a'.repeat(100_000))).toBe(false)
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
  })
})
