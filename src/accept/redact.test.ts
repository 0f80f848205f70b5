import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CloudEvent } from '../model/index.ts'
import { cloudEvent } from '../testing/events.ts'
import { createRedactor } from './redact.ts'

const KEY = 'test key'
const redactor = createRedactor({ key: KEY })
const hex = (value: string) => createHmac('sha256', KEY).update(value).digest('hex').slice(0, 16)
const mark = (value: string) => ({ $redacted: 'secret', sha256: hex(value), len: value.length })
const textMark = (value: string) => `[redacted:${hex(value)}:${value.length}]`

function redact(cloud: CloudEvent): CloudEvent {
  const after = redactor.event(cloud)
  if (after === undefined) throw new Error('nested too deeply')
  return after
}

/** Secrets are put together here, so that no scanner takes this file for a leak. */
const letters = (count: number) => 'aB3dE5gH7jK9mN1pQ4sT6vW8yZ0cF2'.repeat(4).slice(0, count)
const SECRETS: readonly (readonly [string, string])[] = [
  ['AWS access key', `AKIA${'Q3EGRTJ4DQ5CXYZ2'}`],
  ['GCP API key', `AIza${letters(35)}`],
  ['GCP access token', `ya29.${letters(60)}`],
  ['GitHub token', `ghp_${letters(36)}`],
  ['GitHub fine-grained token', `github_pat_${letters(40)}`],
  ['GitLab token', `glpat-${letters(20)}`],
  ['Slack token', `xoxb-${'123456789012'}-${letters(24)}`],
  ['Stripe key', `sk_live_${letters(24)}`],
  ['webhook secret', `whsec_${letters(32)}`],
  ['model provider key', `sk-proj-${letters(40)}`],
  ['npm token', `npm_${letters(36)}`],
  ['JWT', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${letters(43)}`],
  ['card number', '4111111111111111'],
  ['card number in groups', '5500-0055-5555-5559'],
  ['private key', `-----BEGIN RSA PRIVATE KEY-----\n${letters(64)}\n-----END RSA PRIVATE KEY-----`],
]

describe('by pattern', () => {
  test.each(SECRETS)('%s as a whole argument becomes the mark object, listed by pointer', (_name, secret) => {
    const after = redact(cloudEvent({ args: { deep: [{ 'a/b': secret }] } }))
    expect(after.data.args).toEqual({ deep: [{ 'a/b': mark(secret) }] })
    expect(after.data.args_redacted).toEqual(['/deep/0/a~1b'])
  })

  test.each(SECRETS)('%s inside a result', (_name, secret) => {
    const after = redact(cloudEvent({ phase: 'response', result: { sample: `found ${secret}, and more` } }))
    expect(after.data.result?.sample).toBe(`found ${textMark(secret)}, and more`)
  })

  test.each([
    ['password=hunter2222&x=1', 'hunter2222', 'password=$&x=1'],
    ['{"api_key": "abc-def-1"}', 'abc-def-1', '{"api_key": "$"}'],
    ['{\\"client_secret\\":\\"abc def\\"}', 'abc def', '{\\"client_secret\\":\\"$\\"}'],
    ['Cookie: a=1; b=22222\nnext', 'a=1; b=22222', 'Cookie: $\nnext'],
    ['https://bob:hunter2222@example.test/x', 'hunter2222', 'https://bob:$@example.test/x'],
    ['use Bearer abcdef123456 now', 'abcdef123456', 'use Bearer $ now'],
    ['Basic Ym9iOmh1bnRlcjI=', 'Ym9iOmh1bnRlcjI=', 'Basic $'],
    ['token: Bearer abcdef123456 now', 'abcdef123456', 'token: Bearer $ now'],
    ['pwd: 4111 1111 1111 1111 0', '4111 1111 1111 1111', 'pwd: $ 0'],
    ['order 2024 4111 1111 1111 1111 paid', '4111 1111 1111 1111', 'order 2024 $ paid'],
  ])('%s', (text, secret, expected) => {
    const after = redact(cloudEvent({ target: text }))
    expect(after.data.target).toBe(expected.replace('$', textMark(secret)))
  })

  test.each([
    'bearer of bad news',
    'a task-12345678901234567890 and a risk-9999999999999999999',
    '4111111111111112',
    '1795220745067002609',
    'a4111111111111111b',
    'max_tokens: 4096, token_count: 12',
    '-----BEGIN CERTIFICATE-----',
    'eyJ no token',
    'secret: null',
    'reset your password: https://example.test/reset',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ])('%s is left as it is', (text) => {
    const cloud = cloudEvent({ args: { text }, target: text })
    expect(redact(cloud)).toBe(cloud)
  })

  test('a card number as a number, a secret as the name of a member', () => {
    const [, secret] = SECRETS[3] ?? ['', '']
    const after = redact(cloudEvent({ args: { pan: 4111111111111111, [secret]: 1 } }))
    expect(after.data.args).toEqual({ pan: mark('4111111111111111'), [textMark(secret)]: 1 })
  })
})

describe('by name', () => {
  test('of a member, whatever its case and separators, everything below included', () => {
    const args = {
      Password: 'x1',
      'X-Api-Key': 'k',
      nested: { access_token: ['t', { a: 'u' }], pin_otp: 1234 },
      user: 'bob',
    }
    const after = redact(cloudEvent({ args }))
    expect(after.data.args).toEqual({
      Password: mark('x1'),
      'X-Api-Key': mark('k'),
      nested: { access_token: [mark('t'), { a: mark('u') }], pin_otp: mark('1234') },
      user: 'bob',
    })
    expect(after.data.args_redacted).toEqual([
      '/Password',
      '/X-Api-Key',
      '/nested/access_token/0',
      '/nested/access_token/1/a',
      '/nested/pin_otp',
    ])
  })

  test('own names are added; names in a tool schema say nothing about values', () => {
    const own = createRedactor({ key: KEY, keys: ['customer-IBAN'] })
    const input_schema = { properties: { password: { type: 'string' } } }
    const cloud = cloudEvent({ args: { customer_iban: 'DE00' }, tool: { name: 'login', input_schema } })
    const after = own.event(cloud)
    expect(after?.data.args).toEqual({ customer_iban: mark('DE00') })
    expect(after?.data.tool).toBe(cloud.data.tool)
  })

  test('unknown members anywhere are looked at', () => {
    const cloud = { ...cloudEvent({ agent: { id: 'a', api_key: 'k-1' } as object }), apikey: 'k-2' } as CloudEvent
    const after = JSON.stringify(redact(cloud))
    expect(after).not.toContain('k-1')
    expect(after).not.toContain('k-2')
  })
})

test('by pointer', () => {
  const own = createRedactor({ key: KEY, pointers: ['/data/args/iban', '/data/result/sample', '/data/args/none'] })
  const after = own.event(cloudEvent({ phase: 'response', args: { iban: 'DE00' }, result: { sample: 'all of it' } }))
  expect(after?.data.args).toEqual({ iban: mark('DE00') })
  expect(after?.data.args_redacted).toEqual(['/iban'])
  expect(after?.data.result?.sample).toBe(textMark('all of it'))
  expect(() => createRedactor({ key: KEY, pointers: ['/data/session/id'] })).toThrow(/identity/)
})

test('identity stays: an order must name the session as its PEP does', () => {
  const [, jwt] = SECRETS[11] ?? ['', '']
  const cloud = cloudEvent({ session: { id: jwt }, call_id: jwt })
  expect(redact(cloud)).toBe(cloud)
})

test('input is never changed, and twice is as once', () => {
  const cloud = cloudEvent({
    phase: 'response',
    args: { password: 'hunter2222', note: 'token=abcdefgh', list: SECRETS.map(([, secret]) => secret) },
    result: { sample: SECRETS.map(([, secret]) => `password: "${secret}"`).join(' ') },
    intent: { text: 'pwd=abcd '.repeat(455) },
  })
  const before = structuredClone(cloud)
  const once = redact(cloud)
  expect(cloud).toEqual(before)
  expect(redact(once)).toBe(once)
  expect(once.data.intent?.text?.length).toBeLessThanOrEqual(4096)
})

test('members named __proto__ are dropped, others that look special are data', () => {
  const args = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"x":1}}}') as Record<string, unknown>
  const after = redact(cloudEvent({ args }))
  expect(Object.keys(after.data.args ?? {})).toEqual(['constructor'])
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('64 levels are taken, 65 are not', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 'x' : { a: nested(levels - 1) })
  expect(redactor.event(cloudEvent({ args: { a: nested(61) } }))).toBeDefined()
  expect(redactor.event(cloudEvent({ args: { a: nested(62) } }))).toBeUndefined()
  expect(redactor.event(cloudEvent({ refs: [nested(70)] as never }))).toBeUndefined()
})

test('no planted secret survives anywhere', () => {
  const secret = fc.oneof(
    fc.constantFrom(...SECRETS.map(([, value]) => value)),
    fc.stringMatching(/^[A-Za-z0-9]{12,24}$/).map((value) => `password=${value}`),
  )
  const around = fc.string({ maxLength: 30 })
  fc.assert(
    fc.property(
      secret,
      around,
      around,
      fc.jsonValue({ maxDepth: 3 }),
      fc.nat(5),
      (value, left, right, other, place) => {
        // What stands right before a secret may be part of its word, then it is none.
        const text = `${left.replace(/["'\\]/g, '')} ${value} ${right}`
        const places = [
          { args: { other, list: [text] } },
          { args: { [text]: other } },
          { target: text },
          { intent: { text } },
          { ext: { deep: { deep: text } } },
          { phase: 'response' as const, result: { sample: text } },
        ]
        const bare = value.replace('password=', '')
        expect(JSON.stringify(redact(cloudEvent(places[place] ?? {})))).not.toContain(JSON.stringify(bare).slice(1, -1))
      },
    ),
    { numRuns: 500 },
  )
})

test.each([
  'eyJ',
  'eyJ ',
  'eyJ.a.',
  'eyJaaaaaaaaaa.a.',
  'sk-',
  'bearer ',
  '://a:',
  'password:"',
  'cookie:null ',
  '4111',
  '-----BEGIN PRIVATE KEY',
  '"token":\\',
])('hostile repetition of %s takes linear time', (part) => {
  const text = part.repeat(Math.ceil(200_000 / part.length))
  const startedMs = performance.now()
  redact(cloudEvent({ target: text }))
  expect(performance.now() - startedMs).toBeLessThan(500)
})
