import { describe, expect, it } from 'vitest'
import { finds, refusalOf } from './test-rules.ts'

/** A search, events it matches and events it does not. */
type Case = readonly [search: string, yes: readonly unknown[], no: readonly unknown[]]

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'no modifier': [
    ["F: 'Admin'", ['admin', 'ADMIN', 'Admin'], ['administrator', 'xadmin', '', null]],
    ['F: 4624', [4624, '4624', 4624.0, '4624.0', '04624'], [46240, '46240', '4624 ', true]],
    ["F: '4624'", [4624, '4624'], ['04624', 46240]],
    ['F: 1.5', [1.5, '1.5', '1.50'], ['15', 15]],
    ['F: true', [true, 'true', 'TRUE'], [false, 'false', 1, 'yes']],
    ["F: 'true'", [true, 'True'], [false, 1]],
    ["F: ''", [''], [' ', null, undefined, 0]],
    ['F: null', [null, undefined], ['', 0, false, 'null', {}]],
    ["F:\n    - 'a'\n    - 2", ['A', 2, '2'], ['b', 3]],
    ["F: '*'", ['', 'anything', 5, 'two\nlines'], [null, undefined]],
    ["F: '?'", ['x', '\u{1F600}', 7], ['', 'xy', 10]],
    ["F: 'a?c*e'", ['abce', 'aXcdddde', 'abc\ne'], ['ace', 'abcd', 'xabce']],
    ['F: 0x17', [23, '23', '0x17', '0X17'], [17, '17']],
  ],
  contains: [
    ["F|contains: 'ell'", ['Hello', 'ELL', 'ell'], ['helo', '', null, undefined]],
    ["F|contains: 'a*c'", ['xxabcxx', 'ac', 'aB\nC'], ['ca', 'a']],
    ["F|contains: '?x'", ['ax', 'aax'], ['x', 'xa']],
    ['F|contains: 62', [4624, 'x62'], [4]],
    ["F|contains:\n    - 'foo'\n    - 'bar'", ['a foo', 'BARn'], ['fo', 'ba']],
  ],
  startswith: [
    ["F|startswith: 'adm_'", ['ADM_x', 'adm_'], ['xadm_', 'adm']],
    ["F|startswith: 'a*b'", ['axxbyy', 'AB'], ['xab', 'a']],
  ],
  endswith: [
    ["F|endswith: '\\cmd.exe'", ['C:\\CMD.exe', '\\cmd.exe'], ['cmd.exe', 'C:\\cmd.exe ', 'C:\\xcmd.exe']],
    ["F|endswith: 'a*b?'", ['xaxxbz', 'abz'], ['abzz', 'ab']],
  ],
  all: [
    ["F|contains|all:\n    - '-a'\n    - '-b'", ['-b -a', '-A-B'], ['-a', '-b', '']],
    [
      "F|contains|all:\n    - '-a'\n    - '-b'",
      [
        ['-a', '-b'],
        ['x-a', ['-b']],
      ],
      [['-a', 'b']],
    ],
    ["F|re|all:\n    - 'a+'\n    - 'b+'", ['aabb'], ['aa']],
  ],
  cased: [
    ["F|cased: 'Admin'", ['Admin'], ['admin', 'ADMIN']],
    ["F|contains|cased: 'Ab'", ['xAbx'], ['xabx']],
    ["F|cased|startswith: 'A?c'", ['Abcd'], ['abcd']],
  ],
  neq: [
    ['F|neq: 5', [6, '6', 'x', null, undefined], [5, '5']],
    ["F|neq: 'a'", ['b', undefined, ''], ['a', 'A', ['b', 'a']]],
    ["F|neq:\n    - 'a'\n    - 'b'", ['c'], ['a', 'b']],
    ["F|contains|neq: 'x'", ['abc'], ['axc']],
    ['F|neq: null', ['x', '', 0], [null, undefined]],
  ],
  exists: [
    ['F|exists: true', ['x', '', 0, null, [], {}], [undefined]],
    ['F|exists: false', [undefined], ['x', '', null, []]],
  ],
  re: [
    ["F|re: 'b[0-9]+$'", ['ab12'], ['AB12', 'ab12x', 'b']],
    ["F|re|i: 'B[0-9]+'", ['ab1', 'AB1'], ['a1']],
    ["F|re: 'a.c'", ['abc'], ['a\nc']],
    ["F|re|s: 'a.c'", ['a\nc'], ['ac']],
    ["F|re: '^b'", ['b'], ['a\nb']],
    ["F|re|m: '^b$'", ['a\nb\nc'], ['a\nbc']],
    ["F|re|i|m|s: '^B.C$'", ['x\nb\nc\ny'], ['xbc']],
    ["F|re: '^462[45]$'", [4624, '4625'], [4626]],
    ["F|re: '(?i)power(?:shell|cat)\\s+-e[nc]*'", ['POWERSHELL  -ENC'], ['power -e']],
    ["F|re: 'a\\/b\\-c'", ['a/b-c'], ['a\\/b']],
  ],
  base64: [
    ["F|base64: 'foobar'", ['Zm9vYmFy'], ['foobar', 'xZm9vYmFy']],
    ["F|base64|contains: 'foobar'", ['xxZm9vYmFyxx'], ['Zm9vYmF']],
    ["F|base64|contains: 'f\\*o'", [`x${btoa('f*o')}x`], [`x${btoa('foo')}x`]],
  ],
  base64offset: [
    [
      "F|base64offset|contains: '/bin/bash'",
      ['', 'x', 'xy', 'xyz'].map((before) => btoa(`${before}/bin/bash -i`)),
      [btoa('x/bin/sh -i'), '/bin/bash'],
    ],
    ["F|base64offset: 'http://'", [btoa('see http://x'), btoa('http://'), btoa('ahttp://b')], [btoa('https://')]],
  ],
  'utf16le, wide': [
    ["F|utf16le|base64: 'cmd'", [Buffer.from('cmd', 'utf16le').toString('base64')], [btoa('cmd')]],
    ["F|wide|base64offset|contains: 'cmd'", [Buffer.from('xcmd /c', 'utf16le').toString('base64')], [btoa('xcmd')]],
    ["F|wide: 'cmd'", ['c\0m\0d\0'], ['cmd', '\0c\0m\0d']],
  ],
  utf16be: [["F|utf16be: 'cmd'", ['\0c\0m\0d'], ['c\0m\0d\0']]],
  utf16: [
    ["F|utf16: 'cmd'", ['\u00ff\u00fec\0m\0d\0'], ['c\0m\0d\0']],
    [
      "F|utf16|base64: 'é'",
      [Buffer.from([0xff, 0xfe, 0xe9, 0x00]).toString('base64')],
      [Buffer.from('é').toString('base64')],
    ],
  ],
  windash: [
    [
      "F|contains|windash: ' -param'",
      [' -param', ' /param', ' \u2013param', ' \u2014PARAM', ' \u2015param'],
      [' param', ' _param', ' \u2212param'],
    ],
    ["F|windash: '/a-b'", ['-a/b', '\u2015a\u2013b', '/A-B'], ['ab', '-a b']],
    ["F|windash|contains|all:\n    - '-x'\n    - '/y'", ['/x -y'], ['/x']],
    ["F|windash|base64offset|contains: ' -f'", [btoa('a /f'), btoa('aa -f '), btoa('cmd /f x')], [btoa('cmd _f x')]],
  ],
  cidr: [
    ['F|cidr: 10.0.0.0/8', ['10.1.2.3', '10.255.255.255'], ['11.0.0.1', '10.1.2', '10.1.2.3.4', 'x', 10, '010.1.2.3']],
    ['F|cidr: 192.168.1.128/25', ['192.168.1.200'], ['192.168.1.127']],
    ['F|cidr: 0.0.0.0/0', ['8.8.8.8'], ['::1']],
    ['F|cidr: 2001:db8::/32', ['2001:db8::1', '2001:DB8:0:1::'], ['2001:db9::1', '10.0.0.1', '2001:db8', '1::2::3']],
    ['F|cidr: fe80::/10', ['fe80::1', 'febf::1'], ['fec0::1']],
    ["F|cidr: '::1'", ['::1', '0:0:0:0:0:0:0:1'], ['::2']],
    ["F|cidr: '::ffff:10.0.0.0/104'", ['::ffff:10.9.8.7'], ['10.9.8.7', '::ffff:11.0.0.1']],
    ['F|cidr:\n    - 10.0.0.0/8\n    - 127.0.0.1', ['127.0.0.1', ['8.8.8.8', '10.0.0.1']], ['127.0.0.2']],
  ],
  lt: [['F|lt: 5', [4, '4.9', -1], [5, '5', 'x', null, true, undefined, '']]],
  lte: [['F|lte: 5', [5, '5', 4], [5.1]]],
  gt: [['F|gt: 5', [6, '5.1', [1, 9]], [5, 4, '', 'six']]],
  gte: [["F|gte: '1024'", [1024, '1025'], [1023]]],
  'minute, hour, day, week, month, year': [
    ['F|minute: 59', ['2026-11-21T12:59:01Z', '2026-11-21 12:59'], ['2026-11-21T12:58:01Z', '2026-11-21', 'x', null]],
    ['F|hour: 23', ['2026-11-21T23:00:00+02:00'], ['2026-11-21T22:00:00Z']],
    ['F|hour|gte: 22', ['2026-11-21T22:00:00'], ['2026-11-21T21:59:59']],
    ['F|day: 21', ['2026-11-21'], ['2026-11-22']],
    ['F|week: 1', ['2027-01-04', '2026-01-01'], ['2027-01-01', '2026-12-31']],
    ['F|week: 53', ['2027-01-03', '2026-12-31'], ['2027-01-04']],
    ['F|month: 11', ['2026-11-01', 1_795_000_000_000, 1_795_000_000], ['2026-12-01', '2026-13-01']],
    ['F|year: 2026', ['2026-01-01T00:00:00Z'], ['2025-12-31T23:59:59Z']],
  ],
}

describe.each(Object.entries(CASES))('%s', (_, cases) => {
  it.each(cases)('%s', (search, yes, no) => {
    for (const value of yes) expect([value, finds(search, { F: value })]).toEqual([value, true])
    for (const value of no) expect([value, finds(search, { F: value })]).toEqual([value, false])
  })
})

describe('fieldref', () => {
  const cases: readonly (readonly [search: string, event: unknown, expected: boolean])[] = [
    ['A|fieldref: B', { A: 'x', B: 'X' }, true],
    ['A|fieldref: B', { A: 'x', B: 'y' }, false],
    ['A|fieldref: B', { A: '5', B: 5 }, true],
    ['A|fieldref: B', { A: 'x' }, false],
    ['A|fieldref: B', {}, false],
    ['A|fieldref: B', { A: null, B: null }, false],
    ['A|fieldref: b.c', { A: 'x', b: { c: ['y', 'x'] } }, true],
    ['A|fieldref|cased: B', { A: 'x', B: 'X' }, false],
    ['A|fieldref|startswith: B', { A: 'Domain\\user', B: 'DOMAIN' }, true],
    ['A|fieldref|endswith: B', { A: 'Domain\\user', B: 'user' }, true],
    ['A|fieldref|endswith: B', { A: 'user', B: 'Domain\\user' }, false],
    ['A|fieldref|contains: B', { A: 'a b c', B: 'b' }, true],
    ['A|fieldref|neq: B', { A: 'x', B: 'y' }, true],
    ['A|fieldref|neq: B', { A: 'x', B: 'x' }, false],
  ]
  it.each(cases)('%s of %j is %s', (search, event, expected) => {
    expect(finds(search, event)).toBe(expected)
  })
})

describe('expand', () => {
  const values = { admins: ['root', 'adm_*'], host: ['srv?'] }

  it('stands for each of the placeholder’s values, wildcards included', () => {
    expect(finds("F|expand: '%admins%'", { F: 'ADM_jane' }, values)).toBe(true)
    expect(finds("F|expand: '%admins%'", { F: 'jane' }, values)).toBe(false)
    expect(finds("F|expand: '%host%\\%admins%'", { F: 'srv1\\root' }, values)).toBe(false)
    expect(finds("F|expand|contains: '%admins%@%host%'", { F: 'to root@srv1.' }, values)).toBe(true)
  })

  it('reads an escaped percent sign as one', () => {
    expect(finds("F|expand: '\\%plain%admins%'", { F: '%plainroot' }, values)).toBe(true)
  })

  it('is a plain percent sign without the modifier', () => {
    expect(finds("F: '%admins%'", { F: '%admins%' })).toBe(true)
  })

  it('is refused without values', () => {
    expect(refusalOf("F|expand: '%admins%'")).toMatch(/^7: the placeholder %admins% has no values here/)
    expect(refusalOf("F|expand: '%toString%'")).toMatch(/has no values/)
    expect(refusalOf("F|expand: 'plain'")).toMatch(/has no placeholder/)
  })
})

describe('what does not go together', () => {
  const cases: readonly (readonly [search: string, message: RegExp])[] = [
    ['F|contans: a', /^7: there is no modifier `contans`; modifiers are all, base64/],
    ['F|not: a', /write `neq`/],
    ["F|all: 'a'", /`all` needs a list of values/],
    ['F|contains|contains: a', /twice/],
    ['F|contains|endswith: a', /`contains` and `endswith` contradict each other/],
    ['F|wide|utf16be: a', /contradict/],
    ['F|gt|lt: 3', /contradict/],
    ['F|re|contains: a', /`contains` does nothing to `re`/],
    ['F|re|cased: a', /`cased` does nothing/],
    ['F|i: a', /belongs behind `re`/],
    ['F|cidr|contains: 10.0.0.0/8', /`contains` does nothing to `cidr`/],
    ['F|cidr: 10.0.0.300/8', /is no network/],
    ['F|cidr: 10.0.0.0/33', /is no network/],
    ['F|gt: many', /`gt` compares numbers, and `many` is none/],
    ['F|gt: true', /compares numbers/],
    ['F|hour: noon', /`hour` compares numbers/],
    ['F|exists: maybe', /`exists` takes true/],
    ['F|exists|contains: true', /does nothing to `exists`/],
    ['F|contains: null', /`contains` does nothing to null/],
    ['F|fieldref: "a*"', /takes the name of a field/],
    ["F|base64: 'a*'", /base64 needs text without wildcards/],
    ["F|base64offset: 'a'", /too short for base64offset/],
    ["F|re: '(a'", /is not a regular expression/],
    ["F|re: 'a(?=b)'", /look-ahead and look-behind are not part of Sigma.*`and not`/],
    ["'|exists': true", /needs a field/],
    ["F:\n    - 'a'\n    - null", /^9: `null` cannot be one of several values/],
    ['F: []', /empty list/],
    ['F: {G: 1}', /a nested field is written with a dot: `F.G`/],
    ['F:\n    - {G: 1}', /is a map; values are text/],
    ["F|windash|base64: '-a-b-c-d-e-f'", /more than 5 dashes/],
  ]
  it.each(cases)('%s', (search, message) => {
    expect(refusalOf(search)).toMatch(message)
  })
})
