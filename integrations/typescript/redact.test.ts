import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Redactor } from './redact.ts'

const redactor = new Redactor('k')

describe('redaction', () => {
  it('takes values out by the name of their member, at any depth, and says where', () => {
    const { value, pointers } = redactor.value({ a: [{ 'x/y': { Password: 'p' } }], page_token: 'next', token: null })
    expect(value).toEqual({
      a: [{ 'x/y': { Password: expect.objectContaining({ $redacted: 'secret', len: 1 }) } }],
      page_token: 'next',
      token: null,
    })
    expect(pointers).toEqual(['/a/0/x~1y/Password'])
  })

  it('takes tokens out of texts, and leaves ordinary words and numbers', () => {
    const secret = `ghp_${'a1'.repeat(18)}`
    expect(redactor.text(`use ${secret} now`)).toMatch(/^use \[redacted:[0-9a-f]{16}:40\] now$/)
    for (const text of [
      'https://example.com/a-long-path/with/numbers/12345',
      'skeleton-keys-are-not-secrets-at-all',
      'eyJ',
    ])
      expect(redactor.text(text)).toBe(text)
  })

  it('equal secrets have equal marks, under one key only', () => {
    const mark = (key: string, secret: string) => JSON.stringify(new Redactor(key).value({ secret }).value)
    expect(mark('a', 's')).toBe(mark('a', 's'))
    expect(mark('a', 's')).not.toBe(mark('b', 's'))
    expect(mark('a', 's')).not.toBe(mark('a', 't'))
  })

  it('never changes its input, and is done once it is done', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const before = JSON.stringify(value)
        const once = redactor.value(value)
        expect(JSON.stringify(value)).toBe(before)
        expect(once.pointers.length > 0 || isDeepStrictEqual(once.value, value)).toBe(true)
      }),
    )
  })
})
