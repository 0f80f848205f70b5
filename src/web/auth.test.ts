import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ANONYMOUS, createAuthenticator, hasScope, type TokenRecord } from './auth.ts'

const record = (token: string, more: Partial<TokenRecord> = {}): TokenRecord => ({
  name: `holder of ${token}`,
  sha256: createHash('sha256').update(token).digest('hex'),
  tenant: 'acme',
  scopes: ['pep'],
  ...more,
})

test('a token gives its own tenant, sources and scopes', () => {
  const authenticate = createAuthenticator([
    record('one', { sources: ['urn:pep:1'] }),
    record('two', { tenant: 'other' }),
  ])
  expect(authenticate('Bearer one')).toEqual({
    kind: 'known',
    principal: {
      name: 'holder of one',
      tenant: 'acme',
      sources: ['urn:pep:1'],
      scopes: new Set(['pep']),
      anonymous: false,
    },
  })
  expect(authenticate('bearer two')).toMatchObject({ principal: { tenant: 'other' } })
})

test('no header other than a known token gets in', async () => {
  const authenticate = createAuthenticator([record('one')])
  await fc.assert(
    fc.asyncProperty(fc.option(fc.string(), { nil: undefined }), async (header) => {
      expect((await authenticate(header)).kind).toBe('refused')
      expect((await authenticate(`Bearer ${header ?? ''}`)).kind).toBe(header === 'one' ? 'known' : 'refused')
    }),
  )
})

test('without tokens everyone is the local principal', () => {
  expect(createAuthenticator([])(undefined)).toEqual({ kind: 'known', principal: ANONYMOUS })
})

test('admin has every scope, others their own', () => {
  expect(hasScope({ ...ANONYMOUS, scopes: new Set(['admin']) }, ['responder'])).toBe(true)
  expect(hasScope({ ...ANONYMOUS, scopes: new Set(['analyst']) }, ['responder', 'pep'])).toBe(false)
})
