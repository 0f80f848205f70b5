import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from './auth.ts'
import { createOidc, type OidcProvider } from './oidc.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12)
const { privateKey, publicKey } = await generateKeyPair('ES256')
const stranger = await generateKeyPair('ES256')

/** An identity provider's two pages over real HTTP. */
class Provider {
  isAway = false
  claimed: string | undefined
  asked = 0
  private readonly server: Server = createServer((request, response) => {
    this.asked += 1
    if (this.isAway) return response.writeHead(500).end()
    if (request.url === '/.well-known/openid-configuration')
      return response.end(JSON.stringify({ issuer: this.claimed ?? this.issuer, jwks_uri: `${this.issuer}/keys` }))
    if (request.url !== '/keys') return response.writeHead(404).end()
    return void exportJWK(publicKey).then((jwk) => response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k1' }] })))
  })

  get issuer(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve))
  }

  stop(): Promise<void> {
    this.server.closeAllConnections()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }
}

describe('logins', () => {
  const provider = new Provider()
  beforeAll(() => provider.start())
  afterAll(() => provider.stop())

  const configured = (over: Partial<OidcProvider> = {}): OidcProvider => ({
    name: 'okta',
    issuer: provider.issuer,
    audiences: ['belay'],
    tenant: 'acme',
    nameClaim: 'sub',
    roleClaim: 'groups',
    scopes: new Map([
      ['on-call', ['responder']],
      ['auditors', ['analyst']],
    ]),
    ...over,
  })
  const reader = (over: Partial<OidcProvider> = {}) => createOidc([configured(over)], () => NOW_MS)
  const claims = (over: Readonly<Record<string, unknown>> = {}): JWTPayload => ({
    iss: provider.issuer,
    aud: 'belay',
    sub: 'ada',
    exp: NOW_MS / 1_000 + 300,
    groups: ['on-call', 'unknown'],
    ...over,
  })
  const signed = (
    over: Readonly<Record<string, unknown>> = {},
    header: object = {},
    key = privateKey,
  ): Promise<string> => new SignJWT(claims(over)).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key)

  it('gives the tenant that is configured and the scopes that the claim is mapped to', async () => {
    expect(await reader()(await signed())).toEqual({
      kind: 'known',
      principal: { name: 'okta:ada', tenant: 'acme', scopes: new Set(['responder']), anonymous: false },
    })
    const nested = { groups: undefined, realm_access: { roles: ['auditors'] }, tenant: 'rival' }
    expect(await reader({ roleClaim: 'realm_access.roles' })(await signed(nested))).toMatchObject({
      principal: { tenant: 'acme', scopes: new Set(['analyst']) },
    })
    const url = 'https://belay.example/roles'
    expect(await reader({ roleClaim: url })(await signed({ [url]: 'on-call' }))).toMatchObject({
      principal: { scopes: new Set(['responder']) },
    })
  })

  it('gives no scope to who has no mapped value, whatever the value is called', async () => {
    for (const groups of [undefined, [], 'toString', ['__proto__', 'constructor'], { 0: 'on-call' }, 7])
      expect(await reader()(await signed({ groups }))).toMatchObject({ principal: { scopes: new Set() } })
  })

  it.each<readonly [string, () => Promise<string>]>([
    ['of another audience', () => signed({ aud: 'payroll' })],
    ['that is over', () => signed({ exp: NOW_MS / 1_000 - 61 })],
    ['without an end', () => signed({ exp: undefined })],
    ['that is not valid yet', () => signed({ nbf: NOW_MS / 1_000 + 61 })],
    ['without a subject', () => signed({ sub: undefined })],
    ['that a stranger signed', () => signed({}, {}, stranger.privateKey)],
    ['of an unknown key', () => signed({}, { kid: 'k2' })],
    ['that is a security event', () => signed({}, { typ: 'secevent+jwt' })],
    ['that nobody signed', async () => new UnsecuredJWT(claims()).encode()],
    [
      'signed with a secret that everyone knows',
      () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(new Uint8Array(32)),
    ],
  ])('refuses a token %s', async (_, make) => {
    expect(await reader()(await make())).toMatchObject({ kind: 'refused' })
  })

  it('bears clocks that are a minute apart, and no more', async () => {
    expect(await reader()(await signed({ exp: NOW_MS / 1_000 - 59 }))).toMatchObject({ kind: 'known' })
  })

  it('says nothing of tokens of other issuers, and none of it is a login then', async () => {
    const read = reader()
    expect(await read(await signed({ iss: 'https://elsewhere.example' }))).toBeUndefined()
    expect(await read('a.b.c')).toBeUndefined()
    const authenticate = createAuthenticator([], read)
    expect(await authenticate('Bearer a.b.c')).toMatchObject({ kind: 'refused', why: 'the token is not known' })
    expect(await authenticate(undefined)).toMatchObject({ kind: 'refused' })
    expect(await authenticate(`Bearer ${await signed()}`)).toMatchObject({ principal: { name: 'okta:ada' } })
  })

  it('asks again after its provider was away, and does not believe another configuration', async () => {
    const read = reader()
    provider.isAway = true
    expect(await read(await signed())).toMatchObject({ kind: 'unavailable' })
    provider.isAway = false
    expect(await read(await signed())).toMatchObject({ kind: 'known' })
    const asked = provider.asked
    expect(await read(await signed())).toMatchObject({ kind: 'known' })
    expect(provider.asked).toBe(asked)
    provider.claimed = 'https://elsewhere.example'
    expect(await reader()(await signed())).toMatchObject({ kind: 'unavailable' })
    provider.claimed = undefined
    expect(await reader({ jwksUrl: `${provider.issuer}/nowhere` })(await signed())).toMatchObject({
      kind: 'unavailable',
    })
  })
})
