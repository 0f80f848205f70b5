import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ManualClock } from 'belay/testing'
import { Webhook } from 'standardwebhooks'
import { beforeEach, describe, expect, it } from 'vitest'
import { Callbacks } from './callbacks.ts'
import { Containments } from './containments.ts'

const secretOf = (text: string): string => `whsec_${Buffer.from(text.padEnd(32, '.')).toString('base64')}`
const [OLD, NEW, FOREIGN] = [secretOf('old'), secretOf('new'), secretOf('foreign')]

/** Goal: callbacks as Belay signs them are obeyed once, in order; anything else is not. Signed by the standard's library. */
describe('callbacks', () => {
  let clock: ManualClock
  let held: Containments
  let callbacks: Callbacks
  beforeEach(() => {
    clock = new ManualClock(Date.now())
    held = new Containments()
    callbacks = new Callbacks([OLD, NEW], held, clock)
  })

  const body = (type: string, over: object = {}): string =>
    JSON.stringify({
      type: `containment.${type}.v1`,
      data: {
        containment_id: 'c-1',
        revision: 1,
        action: 'suspend_session',
        target: { kind: 'session', id: 's1' },
        expires_at: new Date(clock.now() + 60_000).toISOString(),
        mode: 'enforce',
        ...over,
      },
    })
  const signed = (text: string, id: string, secret = NEW, atMs = clock.now()) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(atMs / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(atMs), text),
  })
  const take = (text: string, id = 'm-1', secret?: string) => callbacks.take(signed(text, id, secret), text)
  const isHeld = () => held.covering({ session: 's1', agent: 'a', server: 'x' }, clock.now()) !== undefined

  it('applies and releases, acknowledges both, and answers a ping', () => {
    expect(take(body('apply'))).toMatchObject({ status: 200, body: { status: 'applied', containment_id: 'c-1' } })
    expect(isHeld()).toBe(true)
    expect(take(body('release', { revision: 2 }), 'm-2', OLD)).toMatchObject({ body: { status: 'applied' } })
    expect(isHeld()).toBe(false)
    expect(take(body('ping'), 'm-3')).toMatchObject({ status: 200, body: { status: 'applied' } })
  })

  it('refuses a foreign, a missing and an old signature, and a body that was changed', () => {
    const text = body('apply')
    expect(take(text, 'm-1', FOREIGN).status).toBe(401)
    expect(callbacks.take({ 'webhook-id': 'm-1', 'webhook-timestamp': '1' }, text).status).toBe(401)
    for (const offMs of [-301_000, 302_000])
      expect(callbacks.take(signed(text, 'm-1', NEW, clock.now() + offMs), text).status).toBe(401)
    expect(callbacks.take(signed(text, 'm-1', NEW, clock.now() - 299_000), text).status).toBe(200)
    expect(callbacks.take(signed(text, 'm-2'), text.replace('s1', 's2')).status).toBe(401)
  })

  it('a message that comes again, or late after its release, has no effect', () => {
    const apply = body('apply')
    const headers = signed(apply, 'm-1')
    callbacks.take(headers, apply)
    expect(callbacks.take(headers, apply)).toMatchObject({ status: 200, body: { status: 'duplicate' } })
    take(body('release', { revision: 2 }), 'm-2')
    expect(callbacks.take(headers, apply)).toMatchObject({ body: { status: 'duplicate' } })
    expect(take(apply, 'm-9')).toMatchObject({ body: { status: 'duplicate' } })
    expect(isHeld()).toBe(false)
  })

  it('says what it does not know how to do, and what is no containment', () => {
    expect(take(body('apply', { action: 'unplug' }))).toMatchObject({ status: 200, body: { status: 'unsupported' } })
    expect(take(body('melt'), 'm-2')).toMatchObject({ body: { status: 'unsupported' } })
    expect(take('{"type":"containment.apply.v1"}', 'm-3').status).toBe(400)
    expect(take('nonsense', 'm-4').status).toBe(400)
  })

  it('a secret without a key in it is told at the start', () => {
    expect(() => new Callbacks(['whsec_'], held, clock)).toThrow(RangeError)
  })

  it('over HTTP', async () => {
    const server = createServer(callbacks.listener)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const text = body('apply')
    const answer = await fetch(url, { method: 'POST', body: text, headers: signed(text, 'm-1') })
    expect(await answer.json()).toMatchObject({ status: 'applied' })
    expect((await fetch(url)).status).toBe(405)
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(20_001) })).status).toBe(413)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})
