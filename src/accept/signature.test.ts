import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSignatureVerifier, type SigningKey } from './signature.ts'

const body = Buffer.from('{"id":"1"}')
const sign = (key: string, bytes: Uint8Array = body) => `v1,${createHmac('sha256', key).update(bytes).digest('base64')}`
const keys: readonly SigningKey[] = [{ kid: 'gw-1', key: 'one', tenant: 'acme', sources: ['urn:pep:gw-1'] }]

test('a valid signature gives what its key may speak for', () => {
  const verify = createSignatureVerifier('warn', keys)
  expect(verify(body, sign('one'), 'gw-1')).toEqual({
    ok: true,
    state: 'valid',
    binding: { tenant: 'acme', sources: ['urn:pep:gw-1'] },
  })
})

test.each([
  ['off', undefined, undefined, 'unchecked'],
  ['off', 'v1,wrong', 'gw-1', 'unchecked'],
  ['warn', undefined, undefined, 'absent'],
  ['warn', sign('two'), 'nobody', 'absent'],
] as const)('%s takes %s of %s as %s', (mode, signature, kid, state) => {
  expect(createSignatureVerifier(mode, keys)(body, signature, kid)).toEqual({ ok: true, state })
})

test.each([
  ['warn', sign('two'), 'gw-1'],
  ['warn', 'v1,', 'gw-1'],
  ['warn', sign('one', Buffer.from('other')), 'gw-1'],
  ['warn', `${sign('one')}=`, 'gw-1'],
  ['require', undefined, undefined],
  ['require', sign('two'), 'nobody'],
] as const)('%s refuses %s of %s', (mode, signature, kid) => {
  expect(createSignatureVerifier(mode, keys)(body, signature, kid)).toMatchObject({ ok: false })
})
