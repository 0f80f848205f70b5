import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { load, ruleOf } from './test-rules.ts'

const GOOD = ruleOf(
  "selection:\n    Image|endswith:\n        - '\\a.exe'\n        - '\\b.exe'\n    Id: 5\nfilter:\n    - User: null\ncondition: selection and not filter",
  'title: Good\nid: good\nlevel: high\nstatus: test',
)

/** Ways to break a rule; each takes what it needs of chance. Every one must be refused. */
const BREAKERS: readonly fc.Arbitrary<string>[] = [
  fc
    .constantFrom('title: Good\n', 'logsource:\n    product: any\n', '    condition: selection and not filter\n')
    .map((part) => GOOD.replace(part, '')),
  fc
    .stringMatching(/^[a-z]{3,9}$/)
    .filter((name) => !KNOWN_MODIFIERS.has(name))
    .map((name) => GOOD.replace('|endswith', `|${name}`)),
  fc.stringMatching(/^[a-z]{3,9}$/).map((name) => GOOD.replace('not filter', `not zz${name}`)),
  fc
    .constantFrom(
      'and',
      'selection and',
      '(selection',
      'selection)',
      'selection filter',
      '1 of none*',
      '7 of them',
      'selection | count() > 3',
      '',
    )
    .map((condition) => GOOD.replace('selection and not filter', `"${condition}"`)),
  fc
    .constantFrom('urgent', 'High', '5', '[high]', '{a: 1}')
    .map((level) => GOOD.replace('level: high', `level: ${level}`)),
  fc.constantFrom('done', 'Test', '[]x').map((status) => GOOD.replace('status: test', `status: ${status}`)),
  fc
    .constantFrom('[]', '{}', '{G: 1}', '[[1]]', '[{a: 1}]', '[a, null]')
    .map((value) => GOOD.replace('Id: 5', `Id: ${value}`)),
  fc
    .constantFrom(
      '(a',
      'a)',
      '[a',
      '*a',
      'a**',
      'a(?=b)',
      '(?<!a)b',
      '\\1',
      'a{5,2}',
      'a++',
      '(?>a)',
      '[z-a]',
      '(?P=x)',
      'x{99999}',
    )
    .map((regex) => GOOD.replace('Id: 5', `Id|re: '${regex}'`)),
  fc
    .constantFrom('10.0.0/8', '10.0.0.0/33', 'x/8', '10.0.0.*', 'fe80:::/10', '::/129', '256.1.1.1', '')
    .map((cidr) => GOOD.replace('Id: 5', `Id|cidr: '${cidr}'`)),
  fc
    .tuple(
      fc.constantFrom('gt', 'gte', 'lt', 'lte', 'hour', 'week'),
      fc.constantFrom('x', 'true', '1x', "''", '0x', '1e'),
    )
    .map(([modifier, value]) => GOOD.replace('Id: 5', `Id|${modifier}: ${value}`)),
  fc.constantFrom('maybe', '1', '', 'x').map((value) => GOOD.replace('Id: 5', `Id|exists: '${value}'`)),
  fc
    .tuple(
      fc.constantFrom('re', 'cidr', 'exists', 'gt', 'hour'),
      fc.constantFrom('contains', 'base64', 'windash', 'wide', 'cased'),
    )
    .map(([a, b]) => GOOD.replace('Id: 5', `Id|${a}|${b}: 5`)),
  fc
    .constantFrom(
      "expand: '%x%'",
      "all: 'x'",
      "base64: 'a*'",
      "base64offset: 'a'",
      "fieldref: 'a*'",
      "i: 'a'",
      'contains: null',
    )
    .map((line) => GOOD.replace('Id: 5', `Id|${line}`)),
  fc
    .constantFrom('  - x: [', '"', "'", '{', ': :', '&a *b', '- ? !!')
    .map((bad) => GOOD.replace('    Id: 5', `    Id: 5\n${bad}`)),
  fc.constantFrom('[1, 2]', '5', 'text', 'null', '- title: x').map((document) => `${document}\n`),
  fc.constantFrom('title', 'id', 'logsource', 'detection').map((key) => GOOD.replace(`${key}:`, `${key}: x\n${key}:`)),
  fc.constantFrom('selection', 'condition').map((key) => GOOD.replace(`${key}:`, `${key}: {a: 1}\n    ${key}:`)),
  fc
    .integer({ min: 70, max: 200 })
    .map((depth) => GOOD.replace('Id: 5', `Id: ${'['.repeat(depth)}1${']'.repeat(depth)}`)),
  fc.integer({ min: 1, max: GOOD.indexOf('condition:') - 1 }).map((length) => GOOD.slice(0, length)),
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => `${Buffer.from(bytes).toString('latin1')}\ntitle`),
]
const KNOWN_MODIFIERS = new Set(
  'all cased cidr contains day endswith exists expand fieldref gte hour lte minute month neq startswith week wide windash year'.split(
    ' ',
  ),
)

describe('malformed rules', () => {
  it('1,000 of them are refused, each with its line and what to do, and leave the good one running', () => {
    const broken = fc.sample(fc.oneof(...BREAKERS), { numRuns: 1_000, seed: 5 })
    for (const text of broken) {
      const { rules, failed } = load(text)
      expect([text, rules.length, failed.length > 0]).toEqual([text, 0, true])
      for (const { line, message } of failed) {
        expect(line).toBeGreaterThan(0)
        expect(message.length).toBeGreaterThan(15)
        expect(message).not.toMatch(/undefined|\[object|TypeError|Cannot read/)
      }
    }
  })

  it('do not keep the other documents of their file from loading', () => {
    const { rules, failed } = load(
      `${GOOD}---\n${GOOD.replace('good', 'bad').replace('|endswith', '|ends')}---\n${GOOD.replace('id: good', 'id: other')}`,
    )
    expect(rules.map(({ key }) => key)).toEqual(['good', 'other'])
    expect(failed).toHaveLength(1)
  })

  it('of any text never crash the loader', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(
            'title',
            ': ',
            '\n',
            '  ',
            '- ',
            '|',
            '"',
            "'",
            '{',
            '[',
            ']',
            '*',
            '&a',
            '#',
            '---\n',
            'detection',
            'x',
            '\t',
            '!!',
            '%',
            '?',
          ),
          maxLength: 60,
        }),
        (text) => {
          const { rules, failed } = load(text)
          expect(rules.length).toBe(0)
          expect(failed.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('that double themselves by aliases are refused', () => {
    const bomb = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`),
    ].join('\n')
    expect(load(`title: x\n${bomb}`).failed[0]?.message).toMatch(/too large/)
  })
})
