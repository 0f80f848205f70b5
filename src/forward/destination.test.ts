import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ManualClock } from '../testing/manual-clock.ts'
import { findingNotice } from '../testing/notices.ts'
import { Backlog } from './backlog.ts'
import { Destination, type DestinationPlan } from './destination.ts'
import { parcelOf } from './forwarder.ts'
import type { FindingNotice } from './notice.ts'
import { json } from './shapes/json.ts'
import { allTaken, type Message, type Sent, type Wire } from './wire.ts'

/** A receiver in memory that answers as a test says. */
class Scripted implements Wire {
  readonly maxBatch = 4
  readonly batches: (readonly string[])[] = []
  readonly taken: string[] = []
  answer: (messages: readonly Message[]) => Sent = allTaken

  async send(messages: readonly Message[]): Promise<Sent> {
    this.batches.push(messages.map(agentOf))
    const sent = this.answer(messages)
    if (sent.kind === 'answered')
      for (const [at, message] of messages.entries())
        if (sent.fates[at]?.kind === 'taken') this.taken.push(agentOf(message))
    return sent
  }

  async close(): Promise<void> {}
}

const agentOf = ({ text }: Message) => (JSON.parse(text) as { data: { agent: { id: string } } }).data.agent.id
const down = (): Sent => ({ kind: 'retry', why: 'down' })
const notice = (name: string, finding: Partial<FindingNotice['finding']> = {}) =>
  findingNotice({ id: name, agent: name, ...finding })
const soon = { timeout: 30_000, interval: 5 }

describe('a destination', () => {
  const clock = new ManualClock()
  let folder: string
  let backlog: Backlog
  let wire: Scripted
  let told: string[]
  let stop: AbortController
  let running: Promise<void>
  let destination: Destination

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'belay-destination-'))
    backlog = new Backlog(join(folder, 'forward.db'))
    backlog.open(['siem'])
    wire = new Scripted()
    told = []
  })
  afterEach(async () => {
    stop.abort()
    clock.advance(10_000)
    await running
    backlog.close()
    rmSync(folder, { recursive: true })
  })

  const start = (plan: Partial<DestinationPlan> = {}) => {
    stop = new AbortController()
    const filter = { kinds: ['findings'] } as const
    destination = new Destination(
      { name: 'siem', shape: json, wire, filter, redact: new Set(), ...plan },
      {
        backlog,
        clock,
        product: { vendor: 'Belay', name: 'Belay', version: '1' },
        redactionKey: Buffer.from('key'),
        random: () => 0.5,
        observe: {
          sent: (_name, count) => told.push(`sent ${count}`),
          failed: (_name, why, inARow) => told.push(`failed ${inARow}: ${why}`),
          buried: (_name, _id, why) => told.push(`buried: ${why}`),
          expired: (_name, count) => told.push(`expired ${count}`),
        },
      },
    )
    running = destination.run(stop.signal)
  }
  const put = (...notices: readonly FindingNotice[]) => backlog.put(notices.map(parcelOf), clock.now())
  const waiting = () => backlog.depth('siem').waiting

  it('sends what waits, in order, in batches, and what is put later', async () => {
    put(...['a', 'b', 'c', 'd', 'e'].map((name) => notice(name)))
    start()
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.batches).toEqual([['a', 'b', 'c', 'd'], ['e']])
    put(notice('f'))
    await expect.poll(() => wire.taken.join(''), soon).toBe('abcdef')
  })

  it('holds on to what failed, waits longer each time, then tries one alone, and loses nothing', async () => {
    wire.answer = down
    put(...['a', 'b', 'c'].map((name) => notice(name)))
    start()
    for (const waitMs of [500, 1_000, 2_000, 4_000, 8_000]) {
      await clock.armed()
      clock.advance(waitMs - 1)
      const before = wire.batches.length
      clock.advance(1)
      await expect.poll(() => wire.batches.length, soon).toBe(before + 1)
    }
    expect(wire.batches.map((batch) => batch.length)).toEqual([3, 3, 3, 3, 3, 1])
    await clock.armed()
    expect(destination.state).toBe('open')
    expect(waiting()).toBe(3)
    wire.answer = allTaken
    clock.advance(16_000)
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.taken).toEqual(['a', 'b', 'c'])
    expect(destination.state).toBe('closed')
  })

  it('waits as long as the receiver asks', async () => {
    wire.answer = () => ({ kind: 'retry', why: 'busy', afterMs: 90_000 })
    put(notice('a'))
    start()
    await clock.armed()
    clock.advance(89_999)
    expect(wire.batches).toHaveLength(1)
    clock.advance(1)
    await expect.poll(() => wire.batches.length, soon).toBe(2)
  })

  it('finds the one that a whole batch is refused for, keeps it, and sends it again when asked to', async () => {
    const refusesB = (messages: readonly Message[]): Sent =>
      messages.some((message) => agentOf(message) === 'b') ? { kind: 'refused', why: 'too odd' } : allTaken(messages)
    wire.answer = refusesB
    put(...['a', 'b', 'c', 'd'].map((name) => notice(name)))
    start()
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.taken).toEqual(['a', 'c', 'd'])
    expect(backlog.dead('siem', 10)).toMatchObject([{ why: 'too odd' }])
    expect(backlog.revive('siem')).toBe(1)
    await expect.poll(() => told.filter((line) => line.startsWith('buried')).length, soon).toBe(2)
    wire.answer = allTaken
    expect(backlog.revive('siem')).toBe(1)
    await expect.poll(() => backlog.depth('siem').dead, soon).toBe(0)
    expect(wire.taken).toEqual(['a', 'c', 'd', 'b'])
  })

  it('goes by what the receiver says of each message', async () => {
    let first = true
    wire.answer = (messages) => {
      if (!first) return allTaken(messages)
      first = false
      return {
        kind: 'answered',
        fates: [{ kind: 'taken' }, { kind: 'again', why: 'busy' }, { kind: 'refused', why: 'no such field' }],
      }
    }
    put(...['a', 'b', 'c'].map((name) => notice(name)))
    start()
    await clock.armed()
    clock.advance(500)
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.batches).toEqual([['a', 'b', 'c'], ['b']])
    expect(backlog.depth('siem').dead).toBe(1)
  })

  it('keeps what is no notice where people see it, and goes on', async () => {
    backlog.put([{ id: 'x', body: 'not a notice' }], clock.now())
    put(notice('a'))
    start()
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.taken).toEqual(['a'])
    expect(backlog.dead('siem', 1)[0]?.why).toMatch(/not a notice/)
  })

  it('sends only what is asked for, and passes the rest', async () => {
    put(
      notice('low', { severity: 'low' }),
      notice('other', { tenant: 'other' }),
      notice('untagged', { tags: [] }),
      notice('right', { tags: ['atlas.aml.t0086'] }),
    )
    start({ filter: { kinds: ['findings'], severity: 'medium', tenants: ['acme'], tags: ['AML.T0086'] } })
    await expect.poll(waiting, soon).toBe(0)
    expect(wire.taken).toEqual(['right'])
  })

  it('shows pseudonyms in place of names, the same for the same name, and nothing of what was observed', async () => {
    const texts: string[] = []
    wire.answer = (messages) => {
      texts.push(...messages.map(({ text }) => text))
      return allTaken(messages)
    }
    put(notice('alice', { id: '1' }), notice('alice', { id: '2' }))
    start({ redact: new Set(['agent', 'user', 'address', 'observed']) })
    await expect.poll(() => texts.length, soon).toBe(2)
    for (const secret of ['"alice"', 'alice@acme.test', '10.0.0.7', 'evil.test', 'send_money'])
      expect(texts.join()).not.toContain(secret)
    expect(new Set(wire.taken).size).toBe(1)
    expect(wire.taken[0]).toMatch(/^agent-[0-9a-f]{16}$/)
  })

  it('goes no faster than it may', async () => {
    put(...['a', 'b', 'c', 'd', 'e'].map((name) => notice(name)))
    start({ perSecond: 2 })
    await clock.armed()
    expect(wire.taken).toEqual(['a', 'b'])
    clock.advance(500)
    await expect.poll(() => wire.taken.join(''), soon).toBe('abc')
    await clock.armed()
    clock.advance(10_000)
    await expect.poll(() => wire.taken.join(''), soon).toMatch(/^abcd/)
    await vi.waitUntil(() => {
      clock.advance(1_000)
      return wire.taken.length === 5
    }, soon)
  })

  it('gives what is on its way a moment when it is stopped, and sends it again at the next start', async () => {
    const answers: ((sent: Sent) => void)[] = []
    wire.send = () => new Promise((resolve) => answers.push(resolve))
    put(notice('a'))
    start()
    await expect.poll(() => answers.length, soon).toBe(1)
    stop.abort()
    clock.advance(2_000)
    await running
    expect(waiting()).toBe(1)
  })
})
