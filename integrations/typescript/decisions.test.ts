import { ManualClock } from 'belay/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { json, ScriptedServer } from '../../test/integrations/scripted-server.ts'
import { Api } from './api.ts'
import { CircuitBreaker } from './breaker.ts'
import { Containments } from './containments.ts'
import { Decisions } from './decisions.ts'

const QUERY = { session: 's1', agent: 'bot', server: 'bank', tool: 'pay' }
const END_MS = Date.UTC(2030, 0, 1)
const SUSPENDED = {
  action: 'suspend_session',
  containment_id: 'c-1',
  expires_at: new Date(END_MS).toISOString(),
  ttl: 2,
}

describe('decisions', () => {
  const belay = new ScriptedServer((_asked, response) =>
    json(response, 200, { action: 'allow', ttl: 2 }, { etag: '"allow"' }),
  )
  const clock = new ManualClock()
  const feed = { isFresh: false }
  let held: Containments
  let decisions: Decisions
  let url: string
  beforeEach(async () => {
    held = new Containments()
    feed.isFresh = false
    url = await belay.listen()
    decisions = made(30_000)
    belay.asked.length = 0
  })
  afterEach(() => belay.close())

  const made = (timeoutMs: number) => {
    const [api, breaker] = [new Api({ url }), new CircuitBreaker(clock)]
    return new Decisions({ api, containments: held, feed, breaker, clock, timeoutMs, failed: () => undefined })
  }
  const target = { kind: 'session', id: 's1' } as const
  const hold = () =>
    held.apply(
      { id: 'c-9', revision: 1, level: 'restrict_read_only', target, expiresMs: END_MS, isEnforced: true },
      'stream',
      clock.now(),
    )
  const hang = () => {
    belay.answer = () => undefined
  }
  const answer = (status: number, body: object, headers = {}) => {
    belay.answer = (_asked, response) => json(response, status, body, headers)
  }

  it('asks nobody while the stream is fresh', async () => {
    feed.isFresh = true
    expect(await decisions.of(QUERY, true)).toEqual({ action: 'allow', origin: 'cache' })
    hold()
    expect(await decisions.of(QUERY, false)).toMatchObject({
      action: 'restrict_read_only',
      containmentId: 'c-9',
      origin: 'cache',
    })
    expect(belay.asked).toEqual([])
  })

  it('keeps an answer for its time to live, then asks whether it changed', async () => {
    answer(200, SUSPENDED, { etag: '"e1"' })
    expect(await decisions.of(QUERY, false)).toEqual({
      action: 'suspend_session',
      containmentId: 'c-1',
      expiresMs: END_MS,
      origin: 'query',
    })
    expect(await decisions.of(QUERY, false)).toMatchObject({ origin: 'cache' })
    expect(belay.asked.map(({ url }) => url)).toEqual(['/v1/decisions?session=s1&agent=bot&server=bank&tool=pay'])
    clock.advance(2_000)
    belay.answer = (_asked, response) => void response.writeHead(304, { etag: '"e1"' }).end()
    expect(await decisions.of(QUERY, false)).toMatchObject({ action: 'suspend_session', containmentId: 'c-1' })
    expect(belay.asked[1]?.headers['if-none-match']).toBe('"e1"')
  })

  it('many calls at once ask once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => decisions.of(QUERY, false)))
    expect(belay.asked).toHaveLength(1)
  })

  it('of an answer and what is known here the more severe applies', async () => {
    answer(200, { action: 'allow', ttl: 0 })
    hold()
    expect(await decisions.of(QUERY, false)).toMatchObject({ action: 'restrict_read_only' })
    answer(200, { ...SUSPENDED, ttl: 0 })
    expect(await decisions.of(QUERY, false)).toMatchObject({ action: 'suspend_session' })
  })

  it('when nobody answers, what is known stands and the rest is as the PEP chose', async () => {
    answer(503, {})
    expect(await decisions.of(QUERY, false)).toEqual({ action: 'allow', origin: 'fail-open' })
    expect(await decisions.of(QUERY, true)).toEqual({ action: 'allow', origin: 'fail-closed' })
    hold()
    expect(await decisions.of(QUERY, true)).toMatchObject({ action: 'restrict_read_only', origin: 'stale' })
  })

  it('a service that hangs costs three calls their time, then none for five seconds', async () => {
    hang()
    const hasty = made(150)
    for (let i = 0; i < 100; i++) expect((await hasty.of(QUERY, false)).origin).toBe('fail-open')
    expect(belay.asked).toHaveLength(3)
    clock.advance(4_999)
    expect((await hasty.of(QUERY, false)).origin).toBe('fail-open')
    expect(belay.asked).toHaveLength(3)
    clock.advance(1)
    await hasty.of(QUERY, false)
    expect(belay.asked).toHaveLength(4)
  })

  it('by event: the verdict is obeyed; an event that Belay did not take is said to be so', async () => {
    answer(200, { ...SUSPENDED, judged: true })
    expect(await decisions.ofEvent(QUERY, '{}', false)).toMatchObject({
      decision: { action: 'suspend_session', origin: 'query' },
      isTaken: true,
    })
    expect(belay.asked[0]).toMatchObject({ method: 'POST', url: '/v1/decide', body: '{}' })
    answer(503, {})
    expect(await decisions.ofEvent(QUERY, '{}', true)).toEqual({
      decision: { action: 'allow', origin: 'fail-closed' },
      isTaken: false,
    })
  })
})
