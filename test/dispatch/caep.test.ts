import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CaepGateway, type CaepOptions } from '../../src/dispatch/gateway/caep.ts'
import type { Order } from '../../src/model/index.ts'
import { gatewaySuite, type Reaction } from '../../src/testing/gateway-suite.ts'
import { lease } from '../../src/testing/orders.ts'
import { Api, type Asked, json, status } from './api.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type'

const gatewayTo = (url: string, over: Partial<CaepOptions> = {}) =>
  new CaepGateway(
    {
      name: 'idp',
      url: `${url}/push`,
      allowPrivate: true,
      issuer: 'https://belay.example',
      audience: 'https://idp.example',
      key: pkcs8(privateKey),
      keyId: 'belay-1',
      authorization: 'Bearer stream',
      subject: { format: 'iss_sub', issuer: 'https://idp.example' },
      timeoutMs: 1_000,
      ...over,
    },
    Date.now,
  )

gatewaySuite(
  'CaepGateway',
  async () => {
    const api = await new Api(status(202)).start()
    const gateway = gatewayTo(api.url)
    return {
      gateway,
      async react(reaction: Reaction) {
        if (reaction === 'away') await api.stop()
        else if (reaction === 'hang') api.answer = () => undefined
        else if (reaction === 'busy') api.answer = status(503)
        else if (reaction === 'no') api.answer = json(400, { err: 'invalid_key', description: 'who are you' })
        else api.answer = status(202)
      },
      async dispose() {
        gateway.close()
        await api.stop()
      },
    }
  },
  { without: ['duplicate', 'unsupported', 'not_found', 'pending'] },
)

/** A receiver's own reading of what came (RFC 8935, section 2; RFC 8417, section 2). Rejects what it must not take. */
async function received({ method, url, headers, body }: Asked) {
  expect([method, url]).toEqual(['POST', '/push'])
  expect(headers).toMatchObject({
    'content-type': 'application/secevent+jwt',
    accept: 'application/json',
    authorization: 'Bearer stream',
  })
  const { payload, protectedHeader } = await jwtVerify(body, publicKey, {
    issuer: 'https://belay.example',
    audience: 'https://idp.example',
    typ: 'secevent+jwt',
    requiredClaims: ['iat', 'jti', 'events', 'sub_id'],
  })
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'belay-1', typ: 'secevent+jwt' })
  // Of the Shared Signals Framework: one event, and neither an end nor a subject outside of sub_id.
  expect(Object.keys(payload).sort()).toEqual(['aud', 'events', 'iat', 'iss', 'jti', 'sub_id', 'txn'])
  const events = Object.entries(payload.events as Readonly<Record<string, object>>)
  expect(events).toHaveLength(1)
  const [type, claims] = events[0] ?? []
  return { type, claims, jti: payload.jti, subject: payload.sub_id }
}

describe('CaepGateway', () => {
  const api = new Api(status(202))
  const gateways: CaepGateway[] = []
  beforeEach(async () => {
    api.asked.length = 0
    api.answer = status(202)
    await api.start()
  })
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) gateway.close()
    await api.stop()
  })
  const open = (over: Partial<CaepOptions> = {}) => {
    const gateway = gatewayTo(api.url, over)
    gateways.push(gateway)
    return gateway
  }
  const sent = async (order: Partial<Order>, over: Partial<CaepOptions> = {}) => {
    const one = lease({ issuedMs: 1_760_000_000_999, ...order })
    expect(await open(over).deliver('apply', one)).toEqual({ kind: 'acknowledged', status: 'applied' })
    return received(api.asked.at(-1) as Asked)
  }

  it('revokes a session, named together with whose it is', async () => {
    expect(await sent({ target: { kind: 'session', id: 's1', agent: 'bot' }, reason: 'hijacked' })).toMatchObject({
      type: `${CAEP}/session-revoked`,
      claims: { event_timestamp: 1_760_000_000, initiating_entity: 'policy', reason_admin: { en: 'hijacked' } },
      subject: {
        format: 'complex',
        session: { format: 'opaque', id: 's1' },
        user: { format: 'iss_sub', iss: 'https://idp.example', sub: 'bot' },
      },
    })
  })

  it('revokes the sessions of an agent or user, or its credential where one is named', async () => {
    const target = { kind: 'user', id: 'ada@example.com' } as const
    expect(await sent({ target }, { subject: { format: 'email' } })).toMatchObject({
      type: `${CAEP}/session-revoked`,
      subject: { format: 'email', email: 'ada@example.com' },
    })
    expect(
      await sent({ target: { kind: 'agent', id: 'bot' } }, { credentialType: 'x509', subject: { format: 'opaque' } }),
    ).toMatchObject({
      type: `${CAEP}/credential-change`,
      claims: { change_type: 'revoke', credential_type: 'x509' },
      subject: { format: 'opaque', id: 'bot' },
    })
  })

  it('lowers the assurance for a step-up, and gives it back with the release', async () => {
    const level = 'require_step_up' as const
    expect(await sent({ level })).toMatchObject({
      type: `${CAEP}/assurance-level-change`,
      claims: { namespace: 'NIST-AAL', current_level: 'nist-aal1', change_direction: 'decrease' },
    })
    await open().deliver('release', lease({ level }))
    expect((await received(api.asked.at(-1) as Asked)).claims).toMatchObject({
      current_level: 'nist-aal2',
      change_direction: 'increase',
    })
  })

  it('keeps the token id over retries, and says that what is revoked stays so', async () => {
    const gateway = open()
    const one = lease()
    await gateway.deliver('apply', one)
    await gateway.deliver('apply', one)
    const [first, second] = await Promise.all(api.asked.map(received))
    expect(first?.jti).toBe(second?.jti)
    expect(await gateway.deliver('release', one)).toMatchObject({ status: 'unsupported' })
    expect(api.asked).toHaveLength(2)
  })

  it('pings by a verification event', async () => {
    await open().deliver('ping', lease())
    expect((await received(api.asked[0] as Asked)).type).toBe(
      'https://schemas.openid.net/secevent/ssf/event-type/verification',
    )
  })

  it('takes 202 for an answer and nothing else, and passes on what the receiver holds against it', async () => {
    api.answer = status(200)
    expect(await open().deliver('apply', lease())).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('202'),
    })
    api.answer = json(400, { err: 'invalid_audience', description: 'not us' })
    expect(await open().deliver('apply', lease())).toEqual({
      kind: 'refused',
      why: 'answered 400: invalid_audience (not us)',
    })
  })

  it('says what an identity provider cannot do', () => {
    const gateway = open()
    for (const target of [
      { kind: 'tool', id: 'a/b' },
      { kind: 'server', id: 'a' },
      { kind: 'tenant', id: 'a' },
    ] as const)
      expect(gateway.cannot(lease({ target }).order)).toMatch('knows no')
    expect(gateway.cannot(lease({ level: 'restrict_read_only' }).order)).toMatch('no security event stands for')
  })

  it.each([
    ['a key that is none', 'nonsense'],
    ['a short RSA key', pkcs8(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)],
    ['another curve', pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey)],
  ])('refuses %s', (_, key) => {
    expect(() => open({ key })).toThrow(/^gateway idp/)
  })
})
