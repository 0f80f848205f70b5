import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Message, Wire } from '../forward/wire.ts'

/** What a receiver has: the id and the text of each message, in the order in which it took them. */
export interface Received {
  readonly id: string
  readonly text: string
}

/** One wire under test and a receiver at its other end. */
export interface WireHarness {
  readonly wire: Wire
  received(): Promise<readonly Received[]> | readonly Received[]
  /** Ends the receiver as a crash does: what it had not taken is gone. Absent where there is none that can die. */
  readonly kill?: () => Promise<void>
  /** Starts it again at the same place; what it had taken, it has. */
  readonly restart?: () => Promise<void>
  dispose(): Promise<void>
}

/** `text` carries the id, so that receivers that keep only the text can tell messages apart. */
export function messagesOf(count: number, from = 0): readonly Message[] {
  return Array.from({ length: count }, (_, at) => {
    const id = String(from + at).padStart(32, '0')
    const text = JSON.stringify({
      id,
      agent: `agent-${(from + at) % 7}`,
      said: 'Größe | = ^ "quoted" \\ <14>1 漢字 🙂',
    })
    return {
      id,
      kind: 'findings',
      atMs: 1_795_219_216_000 + at,
      severity: 'high',
      key: `acme/agent-${(from + at) % 7}`,
      text,
    }
  })
}

const fatesOf = async (wire: Wire, messages: readonly Message[]) => {
  const sent = await wire.send(messages)
  return sent.kind === 'answered' ? sent.fates.map(({ kind }) => kind) : [sent.kind]
}

const soon = { timeout: 60_000, interval: 20 }

/** The contract of Wire, which every adapter passes. */
export function wireSuite(name: string, open: () => Promise<WireHarness>): void {
  describe(`${name} as a wire`, { timeout: 180_000 }, () => {
    let harness: WireHarness
    beforeEach(async () => {
      harness = await open()
    }, 120_000)
    afterEach(() => harness.dispose(), 60_000)

    it('delivers every message of a batch once, in order, its text unchanged', async () => {
      const { wire } = harness
      const messages = messagesOf(Math.min(20, wire.maxBatch))
      expect(await fatesOf(wire, messages)).toEqual(messages.map(() => 'taken'))
      await expect
        .poll(async () => (await harness.received()).map(({ text }) => text), soon)
        .toEqual(messages.map(({ text }) => text))
    })

    it('names a message by its id when it comes again, so that the receiver can know it', async () => {
      const { wire } = harness
      const messages = messagesOf(1)
      await wire.send(messages)
      expect(await fatesOf(wire, messages)).toEqual(['taken'])
      await expect.poll(async () => new Set((await harness.received()).map(({ id }) => id)).size, soon).toBe(1)
    })

    it('says that a receiver that is down has taken nothing, and delivers when it is back', async () => {
      const { wire, kill, restart } = harness
      if (kill === undefined || restart === undefined) return
      await wire.send(messagesOf(1))
      await kill()
      expect(await fatesOf(wire, messagesOf(1, 1))).toEqual(['retry'])
      await restart()
      await expect.poll(() => fatesOf(wire, messagesOf(1, 1)), soon).toEqual(['taken'])
      await expect
        .poll(async () => new Set((await harness.received()).map(({ id }) => id)), soon)
        .toEqual(new Set(messagesOf(2).map(({ id }) => id)))
    })

    it('closes twice', async () => {
      await harness.wire.send(messagesOf(1))
      await harness.wire.close()
      await expect(harness.wire.close()).resolves.toBeUndefined()
    })
  })
}
