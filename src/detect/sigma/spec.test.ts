import { describe, expect, it } from 'vitest'
import { detects, finds, load, matched, refusal, refusalOf, ruleOf, rulesIn } from './test-rules.ts'

/** The specification 2.1.0, walked through in its order; docs/sigma.md has the table. */

const CORRELATION =
  'title: C\nid: c\ncorrelation:\n    type: event_count\n    rules: [rule]\n    group-by: [User]\n    timespan: 1h\n    condition: {gte: 2}'

describe('file structure', () => {
  it('takes YAML 1.2: yes and 0755 are not booleans and octal numbers', () => {
    expect(finds('F: yes', { F: 'Yes' })).toBe(true)
    expect(finds('F: yes', { F: true })).toBe(false)
    expect(finds('F: 0755', { F: '0755' })).toBe(true)
  })

  it('takes several documents in a file, and CR-LF line ends', () => {
    const two = `${ruleOf('s: {F: 1}\ncondition: s', 'title: One')}---\n${ruleOf('s: {F: 1}\ncondition: s', 'title: Two')}`
    expect(matched(two, { F: 1 })).toEqual(['One', 'Two'])
    expect(matched(two.replaceAll('\n', '\r\n'), { F: 1 })).toEqual(['One', 'Two'])
  })

  it('keeps custom fields out of the way', () => {
    expect(matched(`custom: {response: 1}\ntests: nothing\n${ruleOf('s: {F: 1}\ncondition: s')}`, { F: 1 })).toEqual([
      'rule',
    ])
  })
})

describe('components', () => {
  it('needs title, logsource, detection and condition', () => {
    const rule = ruleOf('s: {F: 1}\ncondition: s')
    expect(refusal(rule.replace('title: A rule\n', ''))).toMatch(/^1: `title` is missing/)
    expect(refusal(rule.replace(/logsource:\n.*\n/, ''))).toMatch(/`logsource` is missing/)
    expect(refusal('title: x\nlogsource: {product: a}')).toMatch(/`detection` is missing/)
    expect(refusal(rule.replace('    condition: s\n', ''))).toMatch(/^6: `condition` is missing/)
  })

  it('takes a title of at most 256 characters', () => {
    expect(refusal(ruleOf('s: {F: 1}\ncondition: s', `title: ${'x'.repeat(256)}`))).toBe('')
    expect(refusal(ruleOf('s: {F: 1}\ncondition: s', `title: ${'x'.repeat(257)}`))).toMatch(/longer than 256/)
  })

  it('knows five statuses and five levels', () => {
    const head = (line: string): string => refusal(ruleOf('s: {F: 1}\ncondition: s', `title: x\n${line}`))
    for (const status of ['stable', 'test', 'experimental', 'deprecated', 'unsupported'])
      expect(head(`status: ${status}`)).toBe('')
    for (const level of ['informational', 'low', 'medium', 'high', 'critical']) expect(head(`level: ${level}`)).toBe('')
    expect(head('status: done')).toMatch(/^2: `status` is `done`; it is one of stable/)
    expect(head('level: urgent')).toMatch(/^2: `level` is `urgent`/)
  })

  it('asks for dates as YYYY-MM-DD, and runs the rule all the same', () => {
    const { rules, warnings } = load(ruleOf('s: {F: 1}\ncondition: s', 'title: x\ndate: 2020/01/02'))
    expect(rules).toHaveLength(1)
    expect(warnings[0]).toMatchObject({ line: 2, message: '`date` is `2020/01/02`; write it as YYYY-MM-DD' })
  })

  it('runs a rule whose notes are no texts, and says so', () => {
    const { rules, warnings } = load(
      ruleOf('s: {F: 1}\ncondition: s', 'title: x\nfalsepositives:\n    - Admins: at work\n    - Others'),
    )
    expect(rules[0]?.falsePositives).toEqual(['Others'])
    expect(warnings[0]).toMatchObject({
      line: 3,
      message: '`falsepositives` should be a list of texts; put a text with a colon in quotes',
    })
  })

  it('calls a rule by its id, without one by its name, then by its title', () => {
    const keys = ['title: T\nid: I\nname: N', 'title: T2\nname: N2', 'title: T3']
    const text = keys.map((head) => ruleOf('s: {F: 1}\ncondition: s', head)).join('---\n')
    expect(matched(text, { F: 1 })).toEqual(['I', 'N2', 'T3'])
  })
})

describe('detection: general', () => {
  it('treats values as case-insensitive strings', () => {
    expect(finds("F: 'ÄbC'", { F: 'äBc' })).toBe(true)
    expect(finds("F|contains: 'ΟΔΟΣ'", { F: 'μια οδοσήμανση' })).toBe(true)
  })

  it('matches regular expressions with case', () => {
    expect(finds("F|re: 'abc'", { F: 'ABC' })).toBe(false)
  })

  it('escapes nothing but the quotation mark', () => {
    expect(finds("F: 'it''s'", { F: "it's" })).toBe(true)
    expect(finds("F: 'a.b[c](d)+$^{}|'", { F: 'a.b[c](d)+$^{}|' })).toBe(true)
  })
})

describe('string wildcard', () => {
  it('? is a single mandatory character', () => {
    expect(finds("F: 'prog?.exe'", { F: 'progA.exe' })).toBe(true)
    expect(finds("F: 'prog?.exe'", { F: 'prog.exe' })).toBe(false)
    expect(finds("F: 'prog?.exe'", { F: 'progAB.exe' })).toBe(false)
  })

  it('* is of unbounded length, line ends included', () => {
    for (const text of ['antivirus_V1.exe', 'antivirus_V21.2.1.exe', 'antivirus_V.exe', 'antivirus_V\n.exe'])
      expect(finds("F: 'antivirus_V*.exe'", { F: text })).toBe(true)
  })
})

describe('escape character', () => {
  const cases: readonly (readonly [written: string, text: string])[] = [
    ['a\\b', 'a\\b'],
    ['a\\\\b', 'a\\b'],
    ['a\\*b', 'a*b'],
    ['a\\?b', 'a?b'],
    ['a\\\\\\*b', 'a\\*b'],
    ['a\\\\\\b', 'a\\\\b'],
    ['a\\\\\\\\b', 'a\\\\b'],
    ['a\\', 'a\\'],
  ]
  it.each(cases)('%s is the text %s', (written, text) => {
    expect(finds(`F: '${written}'`, { F: text })).toBe(true)
    expect(finds(`F: '${written}'`, { F: text.replace('*', 'x').replace('?', 'x').replace(/\\+/, '') })).toBe(false)
  })

  it('\\\\* is a backslash and a wildcard', () => {
    expect(finds("F: 'C:\\\\*'", { F: 'C:\\temp' })).toBe(true)
    expect(finds("F: 'C:\\\\*'", { F: 'C:temp' })).toBe(false)
  })
})

describe('lists', () => {
  it('of strings are looked for in the whole event, any of them', () => {
    const list = "keywords:\n    - 'EVILSERVICE'\n    - 'svchost.exe -n evil'\ncondition: keywords"
    expect(detects(list, { a: { b: ['an EvilService'] } })).toBe(true)
    expect(detects(list, { x: 'run svchost.exe -n evil now' })).toBe(true)
    expect(detects(list, { EVILSERVICE: 'as a key' })).toBe(false)
  })

  it('of maps match when any map does', () => {
    const list =
      "selection:\n    - Image|endswith: '\\\\example.exe'\n    - Description|contains: 'Test executable'\ncondition: selection"
    expect(detects(list, { Image: 'C:\\example.exe' })).toBe(true)
    expect(detects(list, { Description: 'a test executable' })).toBe(true)
    expect(detects(list, { Image: 'C:\\other.exe' })).toBe(false)
  })

  it('may mix maps, lists and keywords', () => {
    const list = "selection:\n    - F: 1\n      G: 2\n    - - H: 3\n      - I: 4\n    - 'word'\ncondition: selection"
    for (const event of [{ F: 1, G: 2 }, { H: 3 }, { I: 4 }, { x: 'a word' }]) expect(detects(list, event)).toBe(true)
    for (const event of [{ F: 1 }, { G: 2 }, {}]) expect(detects(list, event)).toBe(false)
  })
})

describe('maps', () => {
  it('match when every line does, a line when any of its values does', () => {
    const map = 'selection:\n    EventLog: Security\n    EventID:\n        - 517\n        - 1102\ncondition: selection'
    expect(detects(map, { EventLog: 'security', EventID: 1102 })).toBe(true)
    expect(detects(map, { EventLog: 'Security', EventID: 4 })).toBe(false)
    expect(detects(map, { EventID: 517 })).toBe(false)
  })
})

describe('field usage', () => {
  it('resolves a path through maps', () => {
    expect(finds('a.b.c: 1', { a: { b: { c: 1 } } })).toBe(true)
    expect(finds('a.b.c: 1', { a: { b: 1 } })).toBe(false)
  })

  it('takes a key with dots as it is, before a path', () => {
    expect(finds('a.b: 1', { 'a.b': 1 })).toBe(true)
    expect(finds('a.b: 1', { 'a.b': 2, a: { b: 1 } })).toBe(false)
    expect(finds('a.b: 1', { a: { b: 1 }, 'a.b': 2 })).toBe(false)
  })

  it('matches any element of a list, on the way and at its end', () => {
    expect(finds('a.b: 2', { a: [{ b: 1 }, { b: [3, 2] }] })).toBe(true)
    expect(finds('a.b: 2', { a: [{ b: 1 }, { c: 2 }] })).toBe(false)
    expect(finds('tags: x', { tags: ['y', ['X']] })).toBe(true)
  })

  it('is case-sensitive in names', () => {
    expect(finds('User: x', { user: 'x' })).toBe(false)
  })

  it('knows no inherited names', () => {
    expect(finds('constructor|exists: true', {})).toBe(false)
    expect(finds('__proto__.x|exists: true', {})).toBe(false)
  })
})

describe('special field values', () => {
  it("'' is the empty string, null is null or a missing field", () => {
    expect([finds("F: ''", { F: '' }), finds("F: ''", { F: null }), finds("F: ''", {})]).toEqual([true, false, false])
    expect([finds('F: null', { F: null }), finds('F: null', {}), finds('F: null', { F: '' })]).toEqual([
      true,
      true,
      false,
    ])
    expect([finds('F:', { F: null }), finds('F: ~', {})]).toEqual([true, true])
  })

  it('not null is a search of its own, negated', () => {
    const rule =
      'selection:\n    EventID: 4738\nfilter:\n    PasswordLastSet: null\ncondition: selection and not filter'
    expect(detects(rule, { EventID: 4738, PasswordLastSet: 'x' })).toBe(true)
    expect(detects(rule, { EventID: 4738 })).toBe(false)
  })

  it('null is no part of a list of values', () => {
    expect(refusalOf("FieldB:\n    - ''\n    - null")).toMatch(/`null` cannot be one of several values.*`or`/)
  })
})

describe('field existence', () => {
  it('asks for the field, not for its value', () => {
    expect([
      finds('F|exists: true', { F: null }),
      finds('F|exists: true', { F: '' }),
      finds('F|exists: true', {}),
    ]).toEqual([true, true, false])
    expect([finds('F|exists: false', { F: null }), finds('F|exists: false', {})]).toEqual([false, true])
    expect(finds('a.b|exists: true', { a: {} })).toBe(false)
  })
})

describe('value modifiers', () => {
  it('are applied in their order to a value or a list of them', () => {
    const encoded = Buffer.from('ping', 'utf16le').toString('base64')
    expect(finds("F|wide|base64|contains:\n    - 'nothing'\n    - 'ping'", { F: `x${encoded}` })).toBe(true)
  })
})

describe('keywords search', () => {
  it("'|all' asks for each, wherever it is", () => {
    const rule =
      "keywords:\n    '|all':\n        - 'OabVirtualDirectory'\n        - ' -ExternalUrl '\ncondition: keywords"
    expect(detects(rule, { a: 'Set-OabVirtualDirectory', b: 'x -externalurl y' })).toBe(true)
    expect(detects(rule, { a: 'Set-OabVirtualDirectory' })).toBe(false)
  })

  it('takes wildcards, numbers and modifiers', () => {
    expect(detects("k:\n    - 'wget * | sh'\ncondition: k", { m: 'then wget http://x | sh -x' })).toBe(true)
    expect(detects('k:\n    - 4104\ncondition: k', { id: 4104 })).toBe(true)
    expect(detects("k:\n    '|re': 'A[0-9]+'\ncondition: k", { m: { n: 'xA12' } })).toBe(true)
    expect(detects("k: 'single'\ncondition: k", { m: 'a single one' })).toBe(true)
  })
})

describe('condition', () => {
  const searches = 'a: {A: 1}\nb: {B: 1}\nc: {C: 1}\nsel_1: {D: 1}\nsel_2: {E: 1}\n_x: {X: 1}\n_y: {Y: 1}\n'
  const holds = (condition: string, event: unknown): boolean => detects(`${searches}condition: ${condition}`, event)

  it('joins with and, or, not and brackets, or binding least', () => {
    expect(holds('a or b and c', { A: 1 })).toBe(true)
    expect(holds('(a or b) and c', { A: 1 })).toBe(false)
    expect(holds('not a and b', { B: 1 })).toBe(true)
    expect(holds('not (a and b)', { A: 1 })).toBe(true)
    expect(holds('not not a', { A: 1 })).toBe(true)
    expect(holds('a AND NOT b', { A: 1 })).toBe(true)
    expect(holds('a and not b or c', { A: 1, B: 1, C: 1 })).toBe(true)
  })

  it('1 of them and all of them leave out names with an underscore', () => {
    expect(holds('1 of them', { E: 1 })).toBe(true)
    expect(holds('1 of them', { X: 1 })).toBe(false)
    expect(holds('all of them', { A: 1, B: 1, C: 1, D: 1, E: 1 })).toBe(true)
    expect(holds('all of them', { A: 1, B: 1, C: 1, D: 1 })).toBe(false)
  })

  it('x of a pattern counts the searches it names, * anywhere in it', () => {
    expect(holds('1 of sel_*', { E: 1 })).toBe(true)
    expect(holds('all of sel*', { E: 1 })).toBe(false)
    expect(holds('any of *_1', { D: 1 })).toBe(true)
    expect(holds('all of s*_*', { D: 1, E: 1 })).toBe(true)
    expect(holds('2 of them', { A: 1, C: 1 })).toBe(true)
    expect(holds('2 of them', { A: 1 })).toBe(false)
    expect(holds('a and not 1 of sel_*', { A: 1, D: 1 })).toBe(false)
    expect(holds('1 of _*', { X: 1 })).toBe(true)
    expect(holds('1 of *', { X: 1 })).toBe(false)
  })

  it('may be a list, joined with or', () => {
    expect(holds('\n    - a and b\n    - c', { C: 1 })).toBe(true)
    expect(holds('\n    - a and b\n    - c', { A: 1 })).toBe(false)
  })

  it('takes operator words as names when a search has them', () => {
    expect(detects('not: {A: 1}\nof: {B: 1}\ncondition: not and of', { A: 1, B: 1 })).toBe(true)
  })

  const mistakes: readonly (readonly [condition: string, message: RegExp])[] = [
    ['a and nothing', /names `nothing`, which is not among the searches \(a, b, c/],
    ['1 of nothing*', /no search is called `nothing\*`/],
    ['9 of them', /can never hold: only 5 searches/],
    ['0 of them', /no quantifier/],
    ['a b', /`b` stands where `and` or `or` is expected/],
    ['(a', /a `\(` has no `\)`/],
    ['a)', /a `\)` has no `\(`/],
    ['a and', /something is missing behind `and`/],
    ['or a', /names `or`/],
    ['a | count() > 5', /aggregations .* have left Sigma; write a correlation rule/],
    ["''", /condition is empty/],
    ['{a: 1}', /`condition` must be text/],
  ]
  it.each(mistakes)('refuses %s', (condition, message) => {
    expect(refusal(ruleOf(`${searches}condition: ${condition}`))).toMatch(message)
  })

  it('refuses a nesting that would exhaust the stack', () => {
    expect(refusal(ruleOf(`${searches}condition: ${'('.repeat(5_000)}a${')'.repeat(5_000)}`))).toMatch(
      /nested too deeply/,
    )
  })

  it('warns of a search that is not used', () => {
    expect(load(ruleOf('a: {A: 1}\nb: {B: 1}\ncondition: a')).warnings).toEqual([
      { file: 'rule.yml', line: 7, message: 'the condition does not use the search `b`; name it there or remove it' },
    ])
  })
})

describe('collections', () => {
  it('global gives its keys to later documents, reset takes them back, repeat changes the previous one', () => {
    const text = [
      'action: global\ntitle: G\nlogsource: {product: x}\ndetection: {condition: s, s: {A: 1}}',
      'id: one\ndetection: {s: {B: 2}}',
      'action: repeat\nid: two\ndetection: {s: {A: 5}}',
      'action: reset',
      `${ruleOf('s: {A: 1}\ncondition: s', 'title: Three')}`,
    ].join('\n---\n')
    expect(rulesIn(text).map((rule) => rule.key)).toEqual(['one', 'two', 'Three'])
    expect(matched(text, { A: 1, B: 2 })).toEqual(['one', 'Three'])
    expect(matched(text, { A: 5, B: 2 })).toEqual(['two'])
  })

  it('says what is wrong with an action', () => {
    expect(refusal('action: repeat\nid: x')).toMatch(/no document before it/)
    expect(refusal('action: again\nid: x')).toMatch(/global, reset or repeat/)
  })
})

describe('correlation rules', () => {
  it('refer to rules by id or name, and hide what they count unless they generate', () => {
    const rule = ruleOf('s: {F: 1}\ncondition: s')
    expect(matched(`${rule}---\n${CORRELATION}`, { F: 1, User: 'x', timestamp: 1 })).toEqual([])
    expect(matched(`${rule}---\n${CORRELATION}\ngenerate: true`, { F: 1, User: 'x', timestamp: 1 })).toEqual(['rule'])
  })

  const mistakes: readonly (readonly [from: string, to: string, message: RegExp])[] = [
    ['event_count', 'event_counts', /`type` is `event_counts`; it is one of event_count/],
    ['    rules: [rule]\n', '', /`rules` is missing/],
    ['[rule]', '[]', /`rules` is empty/],
    ['[rule]', '[other]', /other, which is not loaded/],
    ['1h', '1 hour', /`timespan` is `1 hour`; write a number and s, m, h or d/],
    ['{gte: 2}', '{atleast: 2}', /`atleast` is no comparison/],
    ['{gte: 2}', '{gte: two}', /`gte` must be a number/],
    ['{gte: 2}', '{}', /compares nothing/],
    ['event_count', 'value_count', /a value_count needs the field it works on/],
    ['event_count', 'value_sum', /needs the field/],
  ]
  it.each(mistakes)('refuse %s as %s', (from, to, message) => {
    expect(refusal(`${ruleOf('s: {F: 1}\ncondition: s')}---\n${CORRELATION.replace(from, to)}`)).toMatch(message)
  })
})

describe('filters', () => {
  const filter = (rules: string, logsource = 'product: any', condition = 'selection'): string =>
    `title: Filter\nlogsource: {${logsource}}\nfilter:\n    rules: ${rules}\n    selection:\n        User|startswith: 'adm_'\n    condition: ${condition}`
  const rule = ruleOf('s: {F: 1}\ncondition: s', 'title: A rule\nid: rule\nname: by_name')
  const holds = (text: string, user: string): boolean => matched(`${rule}---\n${text}`, { F: 1, User: user }).length > 0

  it.each(['[rule]', '[by_name]', '[other, rule]', 'any'])('suppress matches of the rules %s', (rules) => {
    expect(holds(filter(rules), 'adm_x')).toBe(false)
    expect(holds(filter(rules), 'jane')).toBe(true)
  })

  it('suppress what their condition says, `not` included', () => {
    expect(holds(filter('any', 'product: any', 'not selection'), 'adm_x')).toBe(true)
    expect(holds(filter('any', 'product: any', 'not selection'), 'jane')).toBe(false)
  })

  it('belong only to rules whose log source has all of theirs', () => {
    expect(holds(filter('any', ''), 'adm_x')).toBe(false)
    expect(holds(filter('any', 'product: windows'), 'adm_x')).toBe(true)
    expect(holds(filter('any', 'product: any, service: sshd'), 'adm_x')).toBe(true)
  })

  it('keep their searches apart from the rule’s', () => {
    const same = filter('any').replace('selection:', 's:').replace('condition: selection', 'condition: 1 of s*')
    expect([holds(same, 'adm_x'), holds(same, 'jane')]).toEqual([false, true])
  })

  it('that belong to no rule are told about', () => {
    expect(load(`${rule}---\n${filter('[nothing]')}`).warnings[0]?.message).toMatch(/belongs to no loaded rule/)
  })

  it('that have expired suppress nothing', () => {
    const text = `${rule}---\n${filter('any')}\nexpires: 2026-01-02\nowner: ops\nreason: rollout`
    const expired = load(text, { nowMs: Date.UTC(2026, 0, 2) })
    expect(expired.warnings.some(({ message }) => message.includes('has expired'))).toBe(true)
    expect(
      load(text, { nowMs: Date.UTC(2026, 0, 1) }).warnings.some(({ message }) => message.includes('expired')),
    ).toBe(false)
    expect(expired.filters[0]).toMatchObject({ owner: 'ops', reason: 'rollout' })
  })

  it.each([
    ['    rules: any\n', /`rules` is missing/],
    ['    condition: selection', /`condition` is missing/],
    ['logsource: {product: any}\n', /`logsource` is missing/],
  ])('need %s', (line, message) => {
    expect(refusal(filter('any').replace(line, ''))).toMatch(message)
  })
})
