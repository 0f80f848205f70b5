import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isPublicAddress, publicLookup } from '../../src/dispatch/gateway/address.ts'
import type { SignedPostOptions } from '../../src/dispatch/gateway/signed-post.ts'
import { WebhookGateway } from '../../src/dispatch/gateway/webhook.ts'
import { gatewaySuite, type Reaction } from '../../src/testing/gateway-suite.ts'
import { lease } from '../../src/testing/orders.ts'
import { acknowledge, Receiver, respond, SECRET } from './receiver.ts'

const OTHER_SECRET = `whsec_${Buffer.from('another secret of thirty-two byt').toString('base64')}`

function gatewayTo(url: string, over: Partial<SignedPostOptions> = {}, now: () => number = Date.now): WebhookGateway {
  return new WebhookGateway(
    { name: 'gw-1', url, secrets: [SECRET], allowPrivate: true, timeoutMs: 3_000, ...over },
    now,
  )
}

gatewaySuite('WebhookGateway', async () => {
  const receiver = new Receiver()
  await receiver.start()
  const gateway = gatewayTo(receiver.url, { timeoutMs: 1_000 })
  return {
    gateway,
    async react(reaction: Reaction) {
      if (reaction === 'away') await receiver.stop()
      else if (reaction === 'hang') receiver.answer = () => undefined
      else if (reaction === 'busy') receiver.answer = respond(503)
      else if (reaction === 'no') receiver.answer = respond(422)
      else receiver.answer = acknowledge(reaction)
    },
    async dispose() {
      gateway.close()
      await receiver.stop()
    },
  }
})

describe('WebhookGateway', () => {
  const receiver = new Receiver()
  let gateway: WebhookGateway
  beforeEach(async () => {
    receiver.received.length = 0
    receiver.answer = acknowledge('applied')
    await receiver.start()
    gateway = gatewayTo(receiver.url)
  })
  afterEach(async () => {
    gateway.close()
    await receiver.stop()
  })

  it('sends the body of the contract', async () => {
    const one = lease({ reason: 'puppet attack', score: 0.91 })
    await gateway.deliver('apply', one, 0)
    const { id, findingId, target } = one.order
    const [callback] = receiver.received
    expect(callback?.type).toBe('containment.apply.v1')
    expect(callback?.data).toEqual({
      containment_id: id,
      revision: 1,
      action: 'suspend_session',
      target: { kind: 'session', id: target.id, agent: 'agent-1' },
      reason: 'puppet attack',
      severity: 'high',
      score: 0.91,
      alert_id: findingId,
      rules: ['untrusted-destination'],
      issued_at: new Date(one.order.issuedMs).toISOString(),
      expires_at: new Date(one.order.expiresMs).toISOString(),
      mode: 'enforce',
    })
  })

  it('keeps the id over retries and freshens the timestamp; a release is another message', async () => {
    let nowMs = Date.now()
    const ticking = gatewayTo(receiver.url, {}, () => nowMs)
    const one = lease()
    await ticking.deliver('apply', one, 0)
    nowMs += 5_000
    await ticking.deliver('apply', one, 1)
    await ticking.deliver('release', { ...one, revision: 2 }, 0)
    const headers = receiver.received.map((callback) => callback.headers)
    expect(headers[0]?.['webhook-id']).toBe(headers[1]?.['webhook-id'])
    expect(headers[0]?.['webhook-id']).not.toBe(headers[2]?.['webhook-id'])
    expect(Number(headers[1]?.['webhook-timestamp']) - Number(headers[0]?.['webhook-timestamp'])).toBe(5)
    ticking.close()
  })

  it('signs with both secrets while one replaces the other', async () => {
    const rotating = gatewayTo(receiver.url, { secrets: [OTHER_SECRET, SECRET] })
    expect(await rotating.deliver('apply', lease(), 0)).toMatchObject({ status: 'applied' })
    const signatures = String(receiver.received[0]?.headers['webhook-signature']).split(' ')
    expect(signatures).toHaveLength(2)
    const wrong = gatewayTo(receiver.url, { secrets: [OTHER_SECRET] })
    expect(await wrong.deliver('apply', lease(), 0)).toMatchObject({ kind: 'refused' })
    rotating.close()
    wrong.close()
  })

  it('stays under 20 kB whatever the reason and the rules', async () => {
    const huge = lease({ reason: 'é'.repeat(100_000), rules: Array.from({ length: 500 }, () => 'é'.repeat(500)) })
    expect(await gateway.deliver('apply', huge, 0)).toMatchObject({ status: 'applied' })
    expect(Number(receiver.received[0]?.headers['content-length'])).toBeLessThan(20_000)
    const impossible = lease({ target: { kind: 'session', id: 'x'.repeat(30_000) } })
    expect(await gateway.deliver('apply', impossible, 0)).toMatchObject({ kind: 'refused' })
  })

  it.each([408, 409, 425, 429, 500, 502, 503, 504])('tries again after %i', async (status) => {
    receiver.answer = respond(status)
    expect(await gateway.deliver('apply', lease(), 0)).toEqual({ kind: 'retry', why: `answered ${status}` })
  })

  it.each([400, 401, 403, 404, 422, 301, 302, 307])('does not try again after %i', async (status) => {
    receiver.answer = respond(status, '', { location: 'http://127.0.0.1:1/' })
    expect(await gateway.deliver('apply', lease(), 0)).toMatchObject({ kind: 'refused' })
    expect(receiver.received).toHaveLength(1)
  })

  it('honours Retry-After in seconds and as a date, and no nonsense', async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000
    const still = gatewayTo(receiver.url, {}, () => nowMs)
    const answered = async (value: string) => {
      receiver.answer = respond(429, '', { 'retry-after': value })
      return still.deliver('apply', lease(), 0)
    }
    expect(await answered('7')).toMatchObject({ kind: 'retry', afterMs: 7_000 })
    expect(await answered(new Date(nowMs + 9_000).toUTCString())).toMatchObject({ afterMs: 9_000 })
    expect(await answered('99999999')).toMatchObject({ afterMs: 3_600_000 })
    expect(await answered('soon')).toEqual({ kind: 'retry', why: 'answered 429' })
    still.close()
  })

  it('knows 410 as gone and 202 as pending', async () => {
    receiver.answer = respond(410)
    expect(await gateway.deliver('apply', lease(), 0)).toMatchObject({ kind: 'gone' })
    receiver.answer = respond(202)
    expect(await gateway.deliver('apply', lease(), 0)).toMatchObject({ kind: 'acknowledged', status: 'pending' })
  })

  it('does not believe a 200 that acknowledges nothing, something else, or too much', async () => {
    const bodies = [
      '',
      'OK',
      '<html>',
      '[]',
      'null',
      '{"status":"fine"}',
      '{"status":"applied","containment_id":"c-9"}',
    ]
    for (const body of [...bodies, JSON.stringify({ status: 'applied', detail: 'x'.repeat(20_000) })]) {
      receiver.answer = respond(200, body)
      expect(await gateway.deliver('apply', lease(), 0)).toMatchObject({ kind: 'refused' })
    }
  })

  it('does not wait for an answer that trickles in', async () => {
    const hasty = gatewayTo(receiver.url, { timeoutMs: 100 })
    receiver.answer = (_callback, response) => {
      response.writeHead(200).write('{"status":')
    }
    expect(await hasty.deliver('apply', lease(), 0)).toEqual({ kind: 'retry', why: 'no answer within 100 ms' })
    hasty.close()
  })

  it.each(['localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254', '0x7f.1', '2130706433'])(
    'does not call %s unless private addresses are allowed',
    async (host) => {
      const careful = gatewayTo(`https://${host}:${new URL(receiver.url).port}/`, { allowPrivate: false })
      const delivery = await careful.deliver('apply', lease(), 0)
      expect(delivery).toMatchObject({ kind: 'refused', why: expect.stringContaining('not a public address') })
      careful.close()
    },
  )

  it('refuses a configuration that cannot be safe', () => {
    const broken: readonly Partial<SignedPostOptions>[] = [
      { url: 'http://gateway.example/', allowPrivate: false },
      { url: 'https://user:pass@gateway.example/' },
      { url: 'file:///etc/passwd' },
      { url: 'nonsense' },
      { secrets: [] },
      { secrets: ['whsec_'] },
    ]
    for (const over of broken) {
      expect(() => gatewayTo('https://gateway.example/', over)).toThrow(
        expect.objectContaining({ code: 'gateway_config' }),
      )
    }
  })

  it('is verified by the standard library as sent', async () => {
    await gateway.deliver('ping', lease(), 0)
    expect(receiver.received[0]?.type).toBe('containment.ping.v1')
    expect(() => new Webhook(OTHER_SECRET).verify('{}', {})).toThrow('Missing required headers')
  })
})

describe('addresses', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '::7f00:1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '64:ff9b::a00:1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001::1',
    'nonsense',
    '',
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '2a00:1450::1'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it('are looked up once: the socket gets what was checked', async () => {
    const refused = await new Promise<unknown>((resolve) => publicLookup('localhost', { all: true }, resolve))
    expect(refused).toMatchObject({ code: 'address_refused' })
  })
})
