import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ScriptedServer } from '../../test/integrations/scripted-server.ts'
import { Api } from './api.ts'
import { systemClock } from './clock.ts'
import { Containments } from './containments.ts'
import { Feed } from './feed.ts'

const wire = (id: string, revision = 1) => ({
  containment_id: id,
  revision,
  action: 'suspend_session',
  target: { kind: 'session', id },
  expires_at: new Date(Date.now() + 60_000).toISOString(),
  mode: 'enforce',
})
const message = (id: number, event: string, data: object): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
const SOON = { timeout: 10_000, interval: 5 }

describe('the stream of decisions', () => {
  let open: ServerResponse | undefined
  const belay = new ScriptedServer((_asked, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    open = response
  })
  let held: Containments
  let feed: Feed
  beforeEach(async () => {
    open = undefined
    belay.asked.length = 0
    held = new Containments()
    const api = new Api({ url: await belay.listen(), token: 't' })
    feed = new Feed({ api, containments: held, clock: systemClock, random: () => 0, failed: () => undefined })
    feed.start()
    await vi.waitUntil(() => open !== undefined, SOON)
  })
  afterEach(async () => {
    feed.stop()
    await belay.close()
  })

  const ids = (): readonly string[] => held.active(Date.now()).map(({ id }) => id)

  it('is fresh once it said something; snapshot, order and release take effect', async () => {
    expect(feed.isFresh).toBe(false)
    open?.write(message(5, 'snapshot', { revision: 5, containments: [wire('a')] }))
    await expect.poll(ids, SOON).toEqual(['a'])
    expect(feed.isFresh).toBe(true)
    open?.write(message(6, 'apply', wire('b')) + message(7, 'release', wire('a', 2)))
    await expect.poll(ids, SOON).toEqual(['b'])
    expect(belay.asked[0]?.headers).toMatchObject({ authorization: 'Bearer t', accept: 'text/event-stream' })
  })

  it('comes back where it was, and a snapshot that lacks something frees nothing', async () => {
    open?.write(message(5, 'snapshot', { revision: 5, containments: [wire('a')] }))
    await expect.poll(ids, SOON).toEqual(['a'])
    const first = open
    first?.destroy()
    await expect.poll(() => feed.isFresh, SOON).toBe(false)
    await expect.poll(() => open !== first, SOON).toBe(true)
    expect(belay.asked[1]?.headers['last-event-id']).toBe('5')
    open?.write(message(1, 'snapshot', { revision: 1, containments: [wire('c')] }))
    await expect.poll(ids, SOON).toEqual(['a', 'c'])
  })

  it('starts anew after nonsense', async () => {
    const first = open
    first?.write('id: 1\ndata: {nonsense\n\n')
    await expect.poll(() => open !== first, SOON).toBe(true)
    open?.write(': resumed\n\n')
    await expect.poll(() => feed.isFresh, SOON).toBe(true)
  })
})
