import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { json, ScriptedServer } from '../../test/integrations/scripted-server.ts'
import { Api } from './api.ts'
import { systemClock } from './clock.ts'
import { Outbox } from './outbox.ts'

describe('outbox', () => {
  const belay = new ScriptedServer(() => undefined)
  let outbox: Outbox
  beforeEach(async () => {
    belay.asked.length = 0
    belay.answer = ({ body }, response) =>
      json(response, 202, { accepted: (JSON.parse(body) as unknown[]).length, rejected: [] })
    outbox = new Outbox({
      api: new Api({ url: await belay.listen() }),
      clock: systemClock,
      random: () => 0,
      limits: { events: 1_000, bytes: 10_000 },
      failed: () => undefined,
    })
  })
  afterEach(async () => {
    outbox.close()
    await belay.close()
  })

  const sent = (): readonly (readonly number[])[] => belay.asked.map(({ body }) => JSON.parse(body) as number[])

  it('sends in order, in batches, what one turn emitted together', async () => {
    for (let i = 0; i < 600; i++) outbox.push(String(i))
    await outbox.flush(30_000)
    expect(
      sent()
        .map(({ length }) => length)
        .sort((a, b) => a - b),
    ).toEqual([100, 500])
    expect(
      sent()
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 600 }, (_, i) => i))
    expect(belay.asked[0]?.headers['content-type']).toBe('application/cloudevents-batch+json')
    expect(outbox.counts).toEqual({ sent: 600, dropped: 0, rejected: 0, waiting: 0 })
  })

  it('sends the same again until it is taken', async () => {
    const taken = belay.answer
    belay.answer = (asked, response) => {
      if (belay.asked.length < 3) json(response, belay.asked.length === 1 ? 429 : 503, {}, { 'retry-after': '0' })
      else taken(asked, response)
    }
    outbox.push('1')
    outbox.push('2')
    await outbox.flush(30_000)
    expect(sent()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(outbox.counts).toMatchObject({ sent: 2, waiting: 0 })
  })

  it('does not wait for an answer to send the next ones, and never has more than eight on their way', async () => {
    belay.answer = () => undefined
    const events = Array.from({ length: 12 }, (_, i) => i)
    for (const event of events) {
      outbox.push(String(event))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => belay.asked.length, { timeout: 10_000, interval: 5 }).toBe(8)
    expect(outbox.counts).toMatchObject({ sent: 0, waiting: 12 })
  })

  it('is bounded in events and bytes, and counts what had no room', () => {
    belay.answer = () => undefined
    for (let i = 0; i < 1_500; i++) outbox.push('1')
    expect(outbox.counts).toMatchObject({ dropped: 500, waiting: 1_000 })
    outbox.close()
    outbox.push('1')
    expect(outbox.counts).toMatchObject({ dropped: 1_501, waiting: 0 })
  })

  it('halves what is too large, and counts what is refused', async () => {
    belay.answer = ({ body }, response) => {
      const { length } = JSON.parse(body) as unknown[]
      if (length > 2) json(response, 413, {})
      else json(response, length === 2 ? 202 : 400, { rejected: [{ index: 0 }] })
    }
    for (let i = 0; i < 5; i++) outbox.push(String(i))
    await outbox.flush(30_000)
    expect(outbox.counts).toEqual({ sent: 2, dropped: 0, rejected: 3, waiting: 0 })
  })
})
